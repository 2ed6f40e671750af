"""The CustomResourceDefinitions of Kuadrant and RateLimitPolicy, made from the structs that read them.

RateLimitPolicy is served as ``v1beta2`` and ``v1`` without conversion. Both versions have the fields of both,
so that nothing is lost whichever version an object is written, read or edited in; which form a policy has is
told by its fields, not by the version that a client names. The versions differ in what they refuse, in
Kuadrant's words for each. What a structural schema cannot say is said by the admission policy beside the
definitions in ``config/crd``.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, Final, Literal

from kuadrant.api.kuadrant import Kuadrant, KuadrantSpec, KuadrantStatus
from kuadrant.api.meta import Object
from kuadrant.api.rate_limit_policy import (
    RateLimitPolicySpecV1,
    RateLimitPolicySpecV1Beta2,
    RateLimitPolicyStatus,
    RateLimitPolicyV1,
    RateLimitPolicyV1Beta2,
)
from kuadrant.api.schema import Schema, schema, union

GROUP: Final = "kuadrant.io"


def custom_resource_definitions() -> dict[str, dict[str, Any]]:
    """Return the definitions by name, as the API server takes them; the same structs give the same result."""
    definitions = (_kuadrants(), _rate_limit_policies())
    return {definition["metadata"]["name"]: definition for definition in definitions}


# Kuadrant


def _kuadrants() -> dict[str, Any]:
    columns = (
        _column("Status", ".status.conditions[0].reason", wide=True),
        _column("mTLS Authorino", ".status.mtlsAuthorino", kind="boolean", wide=True),
        _column("mTLS Limitador", ".status.mtlsLimitador", kind="boolean", wide=True),
        _AGE,
    )
    version = _version(Kuadrant, schema(KuadrantSpec), schema(KuadrantStatus), columns, storage=True)
    return _definition("kuadrants", Kuadrant, (version,))


# RateLimitPolicy


def _rate_limit_policies() -> dict[str, Any]:
    ours, theirs = schema(RateLimitPolicySpecV1), schema(RateLimitPolicySpecV1Beta2)
    spec = union(ours, theirs, ("v1", "v1beta2"))
    status = schema(RateLimitPolicyStatus)
    v1 = _version(
        RateLimitPolicyV1,
        _with_rules(spec, _RULES | _merged(_V1_RULES)),
        status,
        (*_conditions(), *_target(Kind="kind", Name="name", Section="sectionName"), _AGE),
        storage=True,
    )
    v1beta2 = _version(
        RateLimitPolicyV1Beta2,
        _with_rules(_with_bounds(spec, theirs), _RULES | _merged(_V1BETA2_RULES)),
        status,
        (*_conditions(), *_target(RefKind="kind", RefName="name"), _AGE),
        storage=False,
    )
    definition = _definition("ratelimitpolicies", RateLimitPolicyV1, (v1beta2, v1))
    definition["metadata"]["labels"] = {"gateway.networking.k8s.io/policy": "inherited"}
    definition["spec"]["names"] |= {"shortNames": ["rlp"], "categories": ["gateway-api"]}
    definition["spec"]["conversion"] = {"strategy": "None"}
    return definition


def _conditions() -> Iterable[dict[str, Any]]:
    return (
        _column(type_, f'.status.conditions[?(@.type=="{type_}")].status', wide=True)
        for type_ in ("Accepted", "Enforced")
    )


def _target(**fields: str) -> Iterable[dict[str, Any]]:
    return (_column(f"Target{name}", f".spec.targetRef.{field}", wide=True) for name, field in fields.items())


_Place = tuple[str, ...]
"""Names of fields down from the spec; ``*`` stands for every entry of a map or list."""
_BLOCKS: Final[tuple[_Place, ...]] = (("limits",), ("defaults", "limits"), ("overrides", "limits"))


def _rule(rule: str, message: str) -> Schema:
    return {"rule": rule, "message": message}


def _kinds(*kinds: str) -> Schema:
    spelled = ", ".join(f"'{kind}'" for kind in kinds[:-1]) + f" and '{kinds[-1]}'"
    return _rule(
        " || ".join(f"self.kind == '{kind}'" for kind in kinds),
        f"Invalid targetRef.kind. The only supported values are {spelled}",
    )


def _some(place: str) -> str:
    return f"has({place}) && size({place}) > 0"


def _of_every_block(condition: str) -> str:
    """A rule that ``condition`` holds for every limit of every block.

    In it ``LIMIT`` stands for the limit.
    """
    parts = []
    for block in _BLOCKS:
        limits = ".".join(("self", *block))
        there = " && ".join(f"has({'.'.join(('self', *block[: end + 1]))})" for end in range(len(block)))
        parts.append(f"(!({there}) || {limits}.all(name, {condition.replace('LIMIT', f'{limits}[name]')}))")
    return " && ".join(parts)


_NO_DURATION: Final = "(!has(LIMIT.rates) || LIMIT.rates.all(rate, !has(rate.duration)))"
_ON_GATEWAY: Final = "self.targetRef.kind == 'Gateway'"
_SELECTORS_ON_ROUTE: Final = _rule(
    f"!({_ON_GATEWAY}) || ({_of_every_block('!has(LIMIT.routeSelectors)')})",
    "route selectors not supported when targeting a Gateway",
)
_OVERRIDES_ON_GATEWAY: Final = "Overrides are only allowed for policies targeting a Gateway resource"

_RATE: Final = (
    _rule(
        "has(self.window) ? !has(self.duration) && !has(self.unit) : has(self.duration) && has(self.unit)",
        "A rate has either window, or duration and unit",
    ),
    # CEL's durations have no days; an hour is as much more than a second.
    _rule(
        "!has(self.window) || duration(self.window.replace('d', 'h')) >= duration('1s')",
        "window must be at least 1s: requests are counted per whole second",
    ),
)
_CONDITION: Final = (
    _rule(
        "has(self.predicate) ? !has(self.selector) && !has(self.operator) && !has(self.value) : "
        "has(self.selector) && has(self.operator) && has(self.value)",
        "A condition has either predicate, or selector, operator and value",
    ),
)
_Rules = dict[_Place, tuple[Schema, ...]]
_RULES: Final[_Rules] = {
    (): (
        _rule(
            "!(has(self.defaults) && has(self.limits))",
            "Implicit and explicit defaults are mutually exclusive",
        ),
        _rule(
            "!(has(self.defaults) && has(self.overrides))",
            "Overrides and explicit defaults are mutually exclusive",
        ),
        _rule(
            "!(has(self.overrides) && has(self.limits))",
            "Overrides and implicit defaults are mutually exclusive",
        ),
        _rule(
            f"!has(self.overrides) || ({_some('self.overrides.limits')})",
            "At least one spec.overrides.limits must be defined",
        ),
        _SELECTORS_ON_ROUTE,
    ),
    ("targetRef",): (
        _rule(
            "self.group == 'gateway.networking.k8s.io'",
            "Invalid targetRef.group. The only supported value is 'gateway.networking.k8s.io'",
        ),
    ),
    **{(*block, "*", "rates", "*"): _RATE for block in _BLOCKS},
    **{(*block, "*", "when", "*"): _CONDITION for block in _BLOCKS},
}
_V1BETA2_RULES: Final[_Rules] = {
    (): (_rule(f"!has(self.overrides) || {_ON_GATEWAY}", _OVERRIDES_ON_GATEWAY),),
    ("targetRef",): (_kinds("HTTPRoute", "Gateway"),),
}
_V1_RULES: Final[_Rules] = {
    (): (
        _rule(
            f"has(self.defaults) || has(self.overrides) || ({_some('self.limits')})",
            "At least one spec.limits must be defined",
        ),
        _rule(
            f"!has(self.defaults) || ({_some('self.defaults.limits')})",
            "At least one spec.defaults.limits must be defined",
        ),
        # A policy in the form of v1beta2 keeps the rules of v1beta2 here too.
        _rule(
            f"!has(self.overrides) || !has(self.overrides.limits) || {_ON_GATEWAY} || "
            "self.overrides.limits.all(name, "
            f"{_NO_DURATION.replace('LIMIT', 'self.overrides.limits[name]')})",
            _OVERRIDES_ON_GATEWAY,
        ),
        _rule(
            f"self.targetRef.kind != 'GRPCRoute' || ({_of_every_block(_NO_DURATION)})",
            _kinds("HTTPRoute", "Gateway")["message"],
        ),
    ),
    ("targetRef",): (_kinds("HTTPRoute", "GRPCRoute", "Gateway"),),
}


def _merged(rules: _Rules) -> _Rules:
    """``rules`` behind those that both versions have at the same place."""
    return {place: (*_RULES.get(place, ()), *more) for place, more in rules.items()}


def _with_rules(spec: Schema, rules: _Rules) -> Schema:
    spec = deepcopy(spec)
    for place, validations in rules.items():
        _below(spec, place)["x-kubernetes-validations"] = list(validations)
    return spec


def _with_bounds(spec: Schema, strict: Schema) -> Schema:
    """``spec`` with as few limits per block as ``strict`` admits."""
    spec = deepcopy(spec)
    for block in _BLOCKS:
        _below(spec, block)["maxProperties"] = _below(strict, block)["maxProperties"]
    return spec


def _below(part: Schema, place: _Place) -> Schema:
    for step in place:
        part = part["properties"][step] if step != "*" else part.get("items") or part["additionalProperties"]
    return part


# What definitions have in common


def _definition(plural: str, struct: type[Object], versions: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": struct.kind,
                "listKind": f"{struct.kind}List",
                "plural": plural,
                "singular": struct.kind.lower(),
            },
            "scope": "Namespaced",
            "versions": list(versions),
        },
    }


def _version(
    struct: type[Object],
    spec: Schema,
    status: Schema,
    columns: Iterable[dict[str, Any]],
    *,
    storage: bool,
) -> dict[str, Any]:
    whole = schema(struct)
    whole["properties"] = {
        "apiVersion": {
            "description": "The version of the API that the object is written in.",
            "type": "string",
        },
        "kind": {"description": "The kind of the object.", "type": "string"},
        "metadata": {"type": "object"},
        "spec": spec,
        "status": status,
    }
    whole["required"] = [name for name in whole.get("required", ()) if name != "metadata"]
    return {
        "name": struct.api_versions[0].removeprefix(f"{GROUP}/"),
        "served": True,
        "storage": storage,
        "subresources": {"status": {}},
        "additionalPrinterColumns": list(columns),
        "schema": {"openAPIV3Schema": {key: value for key, value in whole.items() if value != []}},
    }


def _column(
    name: str, path: str, *, kind: Literal["string", "date", "boolean"] = "string", wide: bool = False
) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path} | ({"priority": 2} if wide else {})


_AGE: Final = _column("Age", ".metadata.creationTimestamp", kind="date")
