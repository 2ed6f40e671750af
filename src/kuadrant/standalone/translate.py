"""Writes as text what would be sent for a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec
import yaml

from kuadrant.dialects import Service, chosen, unpacked
from kuadrant.findings import findings_json
from kuadrant.gateways import envoy
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE
from kuadrant.standalone.plan import PlanSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.limitador import Limit
    from kuadrant.policy.failure_mode import FailureMode
    from kuadrant.standalone.plan import Plan
    from kuadrant.wasm.module import Module

_TYPES = {
    "listeners": envoy.LISTENER,
    "routes": envoy.ROUTES,
    "clusters": envoy.CLUSTER,
    "endpoints": envoy.ENDPOINTS,
    "extensions": envoy.EXTENSION,
    "certificates": envoy.SECRET,
}

Side = Literal["envoy", "shim", "limits"]
"""Envoy's resources by type, the shim's configurations by listener, or the limits.

The module's bytes are shown as their digest, and private keys are not.
"""


def surroundings(module: Module, failure_mode: FailureMode = DEFAULT_FAILURE_MODE) -> PlanSettings:
    """Return the surroundings that a translation is made for: the default ports of ``kuadrant run``.

    Raises:
        UnknownDialectError: This build does not write what the module reads.
    """
    return PlanSettings(
        module=module.data,
        module_name=f"{module.name} {module.version}",
        dialect=chosen(module.dialects),
        service=Service(cluster=envoy.RATE_LIMIT_CLUSTER, failure_mode=failure_mode),
        rate_limit=envoy.Address("127.0.0.1", 8081),
        echo=None,
        first=envoy.Address("127.0.0.1", 8000),
    )


def translated(plan: Plan, output: Side, module: Module) -> str:
    """Return one side of a plan as YAML."""
    return _yaml(_side(plan, output, module))


def everything(plan: Plan, module: Module) -> dict[str, Any]:
    """Return all sides of a plan, and what a person ought to know of it."""
    sides = {side: _side(plan, side, module) for side in get_args(Side)}
    return {**sides, **findings_json(plan.findings())}


def _side(plan: Plan, side: Side, module: Module) -> Any:
    resources = plan.target.resources
    match side:
        case "envoy":
            return {
                name: [_short(one, module) for one in resources[url].values()] for name, url in _TYPES.items()
            }
        case "shim":
            return {name: _configuration(one) for name, one in resources[envoy.EXTENSION].items()}
        case "limits":
            return [_limit(limit) for limit in plan.target.limits]


def _configuration(extension: Mapping[str, Any]) -> object:
    text: str = extension["typed_config"]["config"]["configuration"]["value"]
    return msgspec.json.decode(unpacked(text.encode()))


def _short(value: Any, module: Module) -> Any:
    """Replace the module's bytes by words, and what nobody is to see."""
    hidden = {
        "inline_bytes": f"<the {len(module.data)} bytes of the module with sha256 {module.sha256}>",
        envoy.PRIVATE_KEY: "<not shown>",
    }
    if isinstance(value, dict):
        return {key: hidden.get(key) or _short(item, module) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item, module) for item in value]
    return value


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "namespace": limit.namespace,
        "max_value": limit.max_value,
        "seconds": limit.seconds,
        "conditions": list(limit.conditions),
        "variables": list(limit.variables),
        "name": limit.name,
        **({"algorithm": limit.algorithm} if limit.algorithm else {}),
        **({"burst": limit.burst} if limit.burst else {}),
        **({"mode": limit.mode} if limit.mode else {}),
        **({} if limit.enforce_percent is msgspec.UNSET else {"enforce_percent": limit.enforce_percent}),
        **({"by_cost": True} if limit.by_cost else {}),
    }


def _yaml(value: object) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    return text
