"""Counters that count something else than one could think."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import Path, spelled
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule
from kuadrant.policy.condition import Cost, ExpressionCounter, SelectorCounter
from kuadrant.policy.counter_sharing import COUNTERS_ANNOTATION
from kuadrant.policy.fleeting_values import (
    PER_CONNECTION,
    PER_REQUEST,
    PER_WISH,
    fleeting,
    fleeting_selector,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.findings.examined_documents import Material
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
        means="`request.id`, which is the header `x-request-id`, and `request.time` are never the same "
        "twice, whatever a client sends, so nothing is ever limited, "
        "and each request takes room for a counter of its own.",
        do="Count by something that requests have in common.",
    ),
    Rule(
        code="counter-by-wish",
        severity="warning",
        title="A counter has another value whenever a client wants it.",
        means="`x-forwarded-for` begins with what the client has written into it, and the gateway adds the "
        "address behind that. `forwarded`, `x-real-ip`, `x-client-ip` and `true-client-ip` are what the "
        "client writes, unless a proxy before the gateway writes them anew. Who writes another one gets "
        "another counter, so he is never limited.",
        do="Count by `source.remote_address`, the client's address, also behind proxies that the gateway is "
        "told to trust.",
    ),
    Rule(
        code="header-may-be-absent",
        severity="warning",
        title="A condition or counter asks for a header that a request may not have.",
        means="In v1 such an expression fails, and the request is answered with 500 unless the failure "
        "mode is `allow`. `request.referer` and `request.useragent` are headers, too. v1beta2 has"
        " it otherwise: there the limit does not apply.",
        do="Ask for the header first, by a predicate of its own: `'x-user' in request.headers`. "
        "Requests without it are not limited then. Nothing is told of headers that each request has "
        "(`host`, `x-forwarded-for`, `x-forwarded-proto`, `x-request-id`), and nothing where the rest "
        "makes up for one: an `||` or `&&`, a `?:`, `has()`, an `in` or a rule of the route.",
    ),
    Rule(
        code="part-may-fail",
        severity="warning",
        title="A part of a condition or counter fails for some requests.",
        means="It needs what a request may not have: a segment of the path (`request.path.split('/')[4]`), a "
        "text of some length (`substring(6, 9)`), a parameter (`queryMap(request.query)['b']`), a value "
        "of an optional (`.value()`), the text of a number (`int(..)`), something to divide by, who it is "
        "from (`auth.identity.sub`, which nobody without a token has), or what another filter of the gateway "
        "says (`metadata.filter_metadata`, where the claims of tokens are, if anything reads those). Such a "
        "request is answered with 500 unless the failure mode is `allow`.",
        do="Ask for it first, as the finding says, or write what is to be in its place: "
        "`request.headers[?'x'].orValue('')`.",
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


def counter_findings(policy: Policy) -> Iterator[Problem]:
    """Yield the counters of ``policy``, which can be carried out, that are never the same for long."""
    for place, one in policy.written:
        if isinstance(one, SelectorCounter | ExpressionCounter) and not isinstance(one, Cost):
            yield from _counter(policy, (*policy.field, *place), one)


def _counter(policy: Policy, field: Path, counter: Counter) -> Iterator[Problem]:
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    if isinstance(counter, ExpressionCounter):
        found = fleeting(counter.expression)
    else:
        found = fleeting_selector(counter.selector)
    name = found.name
    if name in PER_CONNECTION:
        message = f"{name} {PER_CONNECTION[name]}: a client with another connection is counted anew"
        yield problem(subject, spelled(field), "counter-per-connection", message, at=found.at)
    elif name in PER_REQUEST:
        what = "no request that is counted by it is ever" if found.sometimes else "nothing is ever"
        message = f"{name} {PER_REQUEST[name]}, so {what} limited"
        yield problem(subject, spelled(field), "counter-per-request", message, at=found.at)
    elif name in PER_WISH:
        message = f"{name} {PER_WISH[name]}: a client with another one is counted anew"
        yield problem(subject, spelled(field), "counter-by-wish", message, at=found.at)


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
