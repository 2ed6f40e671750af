"""Counters that count something else than one could think."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.api.problem import Path, spelled
from kuadrant.findings.finding import Rule
from kuadrant.findings.material import problem
from kuadrant.policy.cel import checked, position
from kuadrant.policy.checked_expression import kind
from kuadrant.policy.condition import ExpressionCounter
from kuadrant.policy.counter_sharing import COUNTERS_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.findings.material import Material
    from kuadrant.policy.condition import Counter
    from kuadrant.policy.model import Policy, Problem

RULES: Final = (
    Rule(
        code="counter-per-connection",
        severity="warning",
        title="A counter has another value for each connection.",
        means="`source.address` has the client's port in it, as `10.0.0.7:52814`. A client that opens "
        "another connection gets another counter, so it is hardly ever limited. `source.port` and"
        " `connection.id` are of the same kind.",
        do="Count by `source.remote_address`, which is the address without the port.",
    ),
    Rule(
        code="counter-per-request",
        severity="warning",
        title="A counter has another value for each request.",
        means="`request.id` and `request.time` are never the same twice, so nothing is ever limited, "
        "and each request takes room for a counter of its own.",
        do="Count by something that requests have in common.",
    ),
    Rule(
        code="header-may-be-absent",
        severity="warning",
        title="A condition or counter asks for a header that a request may not have.",
        means="In v1 such an expression fails, and the request is answered with 500 unless the failure "
        "mode is `allow`. `request.referer` and `request.useragent` are headers, too. v1beta2 has"
        " it otherwise: there the limit does not apply.",
        do="Ask for the header first, by a predicate of its own: `'x-user' in request.headers`. "
        "Requests without it are not limited then.",
    ),
    Rule(
        code="selector-without-value",
        severity="warning",
        title="A selector never has a value at the gateway.",
        means="A limit with such a counter never applies; a condition compares with the empty text. "
        "`auth.identity.*` is such a one where nothing authenticates (docs/identity.md). "
        "docs/attributes.md lists what there is.",
        do="Choose an attribute that exists, or leave the limit out.",
    ),
    Rule(
        code="counted-per-route",
        severity="note",
        title="A limit of a Gateway is counted for each route by itself.",
        means="As in Kuadrant, 5 a second is 5 a second for each of the routes that have no policy of "
        "their own: with ten routes the Gateway lets 50 through.",
        do="For one counter for all routes annotate the policy with `kuadrant.io/counters: shared`. "
        "`per-route` says that it is meant as it is.",
    ),
)

_PER_CONNECTION: Final = {
    "source.address": "has the client's port in it, which is another one for each connection",
    "source.port": "is another one for each connection",
    "connection.id": "is another one for each connection",
}
_PER_REQUEST: Final = {
    "request.id": "is another one for each request",
    "request.time": "is another one for each request",
}
_KEEP_VALUE: Final = frozenset({"string", "dyn", "lowerAscii", "upperAscii", "trim", "_+_", "int", "uint"})
"""Functions whose results differ where what they are given differs."""


def counter_findings(policy: Policy) -> Iterator[Problem]:
    """Yield the counters of ``policy``, which can be carried out, that are never the same for long."""
    for limit in policy.limits:
        for index, counter in enumerate(limit.counters):
            field: Path = (*policy.field, "limits", limit.name, "counters", index)
            yield from _counter(policy, field, counter)


def _counter(policy: Policy, field: Path, counter: Counter) -> Iterator[Problem]:
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    if isinstance(counter, ExpressionCounter):
        field = (*field, "expression")
        name, at = _fleeting(counter.expression)
    else:
        name, at = counter.selector, (0, 0)
    if name in _PER_CONNECTION:
        message = f"{name} {_PER_CONNECTION[name]}: a client with another connection is counted anew"
        yield problem(subject, spelled(field), "counter-per-connection", message, at=at)
    elif name in _PER_REQUEST:
        message = f"{name} {_PER_REQUEST[name]}, so nothing is ever limited"
        yield problem(subject, spelled(field), "counter-per-request", message, at=at)


def _fleeting(expression: str) -> tuple[str, tuple[int, int]]:
    """The attribute that makes the value of ``expression`` another one each time, and its place."""
    if not any(name.partition(".")[2] in expression for name in (*_PER_CONNECTION, *_PER_REQUEST)):
        return "", (0, 0)
    tree = checked(expression)
    for part in _kept(tree.expression):
        name = f"{part.select.operand.name.name}.{part.select.field}"
        if (
            kind(part) == "select"
            and not part.select.test_only
            and name in {**_PER_CONNECTION, **_PER_REQUEST}
        ):
            offsets = {one.id: one.offset for one in tree.source.positions}
            return name, position(expression, offsets.get(part.id, 0))
    return "", (0, 0)


def _kept(part: Any) -> Iterator[Any]:
    """Yield the parts of ``part`` whose whole value is within its value."""
    yield part
    if kind(part) == "call" and part.call.function in _KEEP_VALUE:
        if part.call.HasField("target"):
            yield from _kept(part.call.target)
        for one in part.call.arguments:
            yield from _kept(one)
    elif kind(part) == "call" and part.call.function == "_?_:_":
        for one in part.call.arguments[1:]:
            yield from _kept(one)


def shared_findings(of: Material) -> Iterator[Problem]:
    """Yield the policies of Gateways whose limits are counted apart for several routes, without a word."""
    written = {
        (one.metadata.namespace, one.metadata.name)
        for one in of.objects.rate_limit_policies
        if COUNTERS_ANNOTATION in one.metadata.annotations
    }
    for fact in of.compilation.policies:
        policy = fact.policy
        if policy.target.kind != "Gateway" or policy.counted_under != "route":
            continue
        paths = of.paths.by_policy.get(policy.key, ())
        routes = {(path.route.kind, path.route.key) for path in paths}
        if len(routes) > 1 and (policy.namespace, policy.name) not in written:
            subject = ("RateLimitPolicy", policy.namespace, policy.name)
            message = (
                f"are counted for each of {len(routes)} routes by itself, not for the Gateway as a whole"
            )
            yield problem(subject, spelled((*policy.field, "limits")), "counted-per-route", message)
