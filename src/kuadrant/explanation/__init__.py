"""Explains what becomes of a request: one record of a decision, which text, JSON and tests read."""

from kuadrant.explanation.client_request import ClientRequest, header_of
from kuadrant.explanation.configuration import Configuration
from kuadrant.explanation.decision_trace import explain
from kuadrant.explanation.knowledge import Knowledge
from kuadrant.explanation.listener_record import NotServed
from kuadrant.explanation.origin import Origin
from kuadrant.explanation.origins import Origins, section_of
from kuadrant.explanation.record import Explanation
from kuadrant.explanation.request_error import RequestError
from kuadrant.explanation.routing_trace import match_words
from kuadrant.explanation.rules_asked import RulesAsked
from kuadrant.explanation.words import fallback_words, mode_words, rate, scope_words

__all__ = [
    "ClientRequest",
    "Configuration",
    "Explanation",
    "Knowledge",
    "NotServed",
    "Origin",
    "Origins",
    "RequestError",
    "RulesAsked",
    "explain",
    "fallback_words",
    "header_of",
    "match_words",
    "mode_words",
    "rate",
    "scope_words",
    "section_of",
]
