"""The words of the official dialects, read as the official shims read them: one reader for each form."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from .official_evaluators import EVALUATORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.reference_model import Request

    from .official_evaluators import Evaluator

Json = dict[str, Any]

Asked = list[tuple[str, dict[str, str]]]
"""The calls of one request: the domain, and the entries of the one descriptor."""


# ---------------------------------------------------------------------- a request's attributes


def _headers(request: Request) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in request.headers:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _attributes(request: Request) -> dict[str, str]:
    return {
        "request.method": request.method,
        "request.url_path": request.path,
        "request.path": request.target,
        "request.query": request.query,
        "request.host": request.authority,
        **{f"request.headers.{name}": value for name, value in _headers(request).items()},
    }


def _glob(pattern: str, text: str) -> bool:
    parts = {"?": ".?", "*": ".*", "+": ".+"}
    return (
        re.fullmatch("".join(parts.get(one) or re.escape(one) for one in pattern), text, re.DOTALL)
        is not None
    )


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda text, value: text == value,
    "neq": lambda text, value: text != value,
    "startswith": lambda text, value: text.startswith(value),
    "endswith": lambda text, value: text.endswith(value),
    "matches": lambda text, value: _glob(value, text),
    "incl": lambda text, value: value in [one.strip() for one in text.split(",")],
    "excl": lambda text, value: value not in [one.strip() for one in text.split(",")],
}


# ---------------------------------------------------------------------- what a program asks


# ---------------------------------------------------------------------- the three forms, read


def _belonging(table: dict[str, Any], host: str) -> Any:
    """What belongs to the longest host name of ``host``."""
    names = [host, *(f"*.{host.split('.', count)[count]}" for count in range(1, host.count(".") + 1)), "*"]
    return next((table[name] for name in names if name in table), None)


def _row_holds(row: Json, attributes: dict[str, str], *, has_regex: bool) -> bool:
    def holds(pattern: Json) -> bool:
        text, value = attributes.get(pattern["selector"], ""), pattern["value"]
        if pattern["operator"] == "matches" and has_regex:
            return re.search(value, text) is not None
        return OPERATORS[pattern["operator"]](text, value)

    return all(map(holds, row["allOf"]))


def _rule_holds(rule: Json, attributes: dict[str, str], *, has_regex: bool) -> bool:
    rows = rule.get("conditions", [])
    return not rows or any(_row_holds(row, attributes, has_regex=has_regex) for row in rows)


def _descriptor(data: list[Json], attributes: dict[str, str]) -> dict[str, str] | None:
    entries: dict[str, str] = {}
    for item in data:
        if "static" in item:
            entries[item["static"]["key"]] = item["static"]["value"]
        else:
            selector = item["selector"]["selector"]
            # What is empty is not there.
            value = attributes.get(selector) or item["selector"].get("default")
            if value is None:
                return None
            entries[selector] = value
    return entries


def _read_rate_limit_policies(configuration: Json, request: Request, *, has_regex: bool) -> Asked:
    by_name = {name: policy for policy in configuration["rateLimitPolicies"] for name in policy["hostnames"]}
    policy = _belonging(by_name, request.authority)
    attributes = _attributes(request)
    descriptors = [
        descriptor
        for rule in (policy["rules"] if policy else ())
        if _rule_holds(rule, attributes, has_regex=has_regex)
        and (descriptor := _descriptor(rule["data"], attributes)) is not None
    ]
    assert len(descriptors) <= 1, "a rate limit service looks at the first descriptor only"
    return [(policy["domain"], one) for one in descriptors]


def _read_policies(configuration: Json, request: Request) -> Asked:
    by_name = {name: policy for policy in configuration["policies"] for name in policy["hostnames"]}
    policy = _belonging(by_name, request.authority)
    attributes = _attributes(request)
    for rule in policy["rules"] if policy else ():
        if _rule_holds(rule, attributes, has_regex=True):
            assert len(rule["actions"]) <= 1
            return [
                (action["scope"], descriptor)
                for action in rule["actions"]
                if (descriptor := _descriptor(action["data"], attributes)) is not None
            ]
    return []


def _entries(data: list[Json], request: Request, evaluator: Evaluator) -> dict[str, str]:
    """Static texts are in front, so that none of theirs can fail."""
    return {
        item["expression"]["key"]: evaluator.counted(item["expression"]["value"], request) for item in data
    }


def read_action_sets(configuration: Json, request: Request, evaluator: Evaluator, *, merges: bool) -> Asked:
    """The calls of a request, by the configuration and the evaluator of one version.

    Raises:
        FailureError: An expression fails, so that the failure mode decides.
    """
    by_name: dict[str, list[Json]] = {}
    for one in configuration["actionSets"]:
        for name in one["routeRuleConditions"]["hostnames"]:
            by_name.setdefault(name, []).append(one)
    calls: Asked = []
    for one in _belonging(by_name, request.authority) or ():
        if not evaluator.predicates_hold(one["routeRuleConditions"].get("predicates", []), request):
            continue
        for action in one["actions"]:
            parts = action.get("conditionalData", [action])
            entries: dict[str, str] = {}
            for part in parts:
                if evaluator.predicates_hold(part.get("predicates", []), request):
                    entries |= _entries(part["data"], request, evaluator)
            if merges and calls and calls[-1][0] == action["scope"]:
                calls[-1][1].update(entries)
            else:
                calls.append((action["scope"], entries))
        break
    return [call for call in calls if call[1]]


def _reader(name: str, evaluator: Evaluator) -> Callable[[Json, Request], Asked]:
    merges = name in {"action-sets-v0.8", "action-sets"}
    return functools.partial(read_action_sets, evaluator=evaluator, merges=merges)


READERS: dict[str, tuple[Callable[[Json, Request], Asked], ...]] = {
    "rate-limit-policies": (functools.partial(_read_rate_limit_policies, has_regex=False),),
    "rate-limit-policies-v0.5": (functools.partial(_read_rate_limit_policies, has_regex=True),),
    "policies": (_read_policies,),
    **{name: tuple(_reader(name, one) for one in own.values()) for name, own in EVALUATORS.items()},
}
