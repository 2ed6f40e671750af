"""Conditions and counters that ask for a header of the client which the gateway removes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.api.problem import Path, spelled
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule
from kuadrant.policy.attributes import selector_path
from kuadrant.policy.checked_expression import kind, parts
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.expression_check import checked
from kuadrant.policy.expression_error import position
from kuadrant.reference_model.header_maps import all_headers
from kuadrant.reference_model.removed_headers import NEVER_SEEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.policy.model import Policy, Problem

CODE: Final = "header-removed"
RULES: Final = (
    Rule(
        code=CODE,
        severity="warning",
        title="A condition or counter asks for a header that the gateway removes.",
        means="Envoy takes headers of one connection (`keep-alive`, `proxy-connection`, "
        "`transfer-encoding`) and those by which proxies tell each other something "
        "(`x-forwarded-client-cert`, `x-envoy-retry-on` and others of `x-envoy-`) from no client: they are "
        "gone before any policy looks at the request (docs/semantics.md). The gateway of `kuadrant run` "
        "always does that. Istio and Envoy Gateway do it unless they are told to trust a proxy before them.",
        do="Ask for a header of another name, which clients or the proxy before the gateway send.",
    ),
)


def removed_header_findings(policy: Policy) -> Iterator[Problem]:
    """Yield where ``policy``, which can be carried out, asks for headers that no policy sees."""
    for place, one in policy.written:
        if isinstance(one, ExpressionCondition | ExpressionCounter):
            for name, offset in _asked(one.expression):
                yield _problem(policy, place, name, position(one.expression, offset))
            continue
        path = selector_path(one.selector) or ()
        if path[:2] == ("request", "headers") and len(path) == 3 and path[2].lower() in NEVER_SEEN:
            yield _problem(policy, place, path[2].lower(), (0, 0))


def _problem(policy: Policy, place: Path, name: str, at: tuple[int, int]) -> Problem:
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    message = f"asks for the header {name}, which the gateway removes from what a client sends"
    return problem(subject, spelled((*policy.field, *place)), CODE, message, at=at)


def _asked(expression: str) -> Iterator[tuple[str, int]]:
    """Yield the removed headers that ``expression`` asks for by name, each at its first place."""
    if not any(name in expression.lower() for name in NEVER_SEEN):
        return
    tree = checked(expression)
    headers = all_headers(tree.expression)
    offsets = {one.id: one.offset for one in tree.source.positions}
    found: dict[str, int] = {}
    for one in parts(tree.expression):
        if (name := _name(one, headers)) in NEVER_SEEN:
            offset = min(offsets.get(part.id, 0) for part in parts(one))
            found[name] = min(offset, found.get(name, offset))
    yield from found.items()


def _name(part: Any, headers: frozenset[int]) -> str:
    """The header, in lower case, that ``part`` asks for; empty if it is something else."""
    if kind(part) == "select":
        return str(part.select.field).lower() if part.select.operand.id in headers else ""
    if kind(part) != "call" or len(part.call.arguments) != 2:
        return ""
    first, second = part.call.arguments
    if part.call.function == "@in":
        first, second = second, first
    elif part.call.function not in ("_[_]", "_[?_]", "_?._"):
        return ""
    return str(second.constant.text).lower() if first.id in headers else ""
