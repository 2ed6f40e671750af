"""What the data plane does with a request, in plain Python: the reference that Envoy, shim and rate limit service are held to.

It is above ``compiler``, because it carries out a ``GatewayProgram``, and beside ``dialects`` and ``gateways``, because it
knows neither a shim's words nor a provider's.
"""

from kuadrant.decide.counters import Counters, Standing, Window
from kuadrant.decide.decision import Decision, Question, decide
from kuadrant.decide.expressions import EvaluationError, Expressions
from kuadrant.decide.request import Request
from kuadrant.decide.routing import chosen

__all__ = [
    "Counters",
    "Decision",
    "EvaluationError",
    "Expressions",
    "Question",
    "Request",
    "Standing",
    "Window",
    "chosen",
    "decide",
]
