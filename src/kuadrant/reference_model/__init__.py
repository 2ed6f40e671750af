"""Decides in plain Python what the data plane does with a request.

The reference that Envoy, shim and rate limit service are held to.

It is above ``compiler``, because it carries out a ``GatewayProgram``, and beside ``dialects`` and
``gateways``, because it knows neither a shim's words nor a provider's.
"""

from kuadrant.reference_model.counters import Counters
from kuadrant.reference_model.expressions import EvaluationError, Expressions
from kuadrant.reference_model.request import Request
from kuadrant.reference_model.request_decision import RequestDecision, decide
from kuadrant.reference_model.routing import chosen, owner_of

__all__ = [
    "Counters",
    "EvaluationError",
    "Expressions",
    "Request",
    "RequestDecision",
    "chosen",
    "decide",
    "owner_of",
]
