"""Explains what becomes of a request: one record of a decision, which text, JSON and tests read."""

from kuadrant.explanation.client_request import ClientRequest, header_of
from kuadrant.explanation.configuration import Configuration
from kuadrant.explanation.decision_trace import explain
from kuadrant.explanation.knowledge import Knowledge
from kuadrant.explanation.origins import Origins
from kuadrant.explanation.record import Explanation
from kuadrant.explanation.request_error import RequestError

__all__ = [
    "ClientRequest",
    "Configuration",
    "Explanation",
    "Knowledge",
    "Origins",
    "RequestError",
    "explain",
    "header_of",
]
