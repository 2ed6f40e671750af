"""All values of the chart in their order; what config/ says is their default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from scripts import chart_network
from scripts.chart_pod_values import pod_values
from scripts.chart_values import Group, Value
from scripts.generate_settings import settings
from scripts.installation import CONFIG, built

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATOR: Final = "kuadrant-operator-controller-manager"
SERVICE: Final = "kuadrant-ratelimit"
_PART: Final = "[a-z0-9]+([._-]+[a-z0-9]+)*"
_REGISTRY: Final = f"[A-Za-z0-9.-]+(:[0-9]+)?(/{_PART})*"
_PORTS: Final = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}}
_SWITCH: Final = {"type": "boolean"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_GLOBAL: Final = {
    "global": {
        "description": "What Helm hands down from a chart that this one is part of; nothing of it is used.",
        "type": "object",
    }
}


_MONITORING: Final = Group(
    name="monitoring",
    description="What watches over it (docs/monitoring.md).",
    members=(
        Value(
            name="rules",
            description="true for alerts, as a PrometheusRule: the cluster has to have that kind.",
            default=False,
            schema=_SWITCH,
        ),
        Value(
            name="dashboards",
            description="true for dashboards, as a ConfigMap that the sidecar of Grafana's chart finds.",
            default=False,
            schema=_SWITCH,
        ),
        Value(
            name="labels",
            description="Labels of both, such as `{release: prometheus}` where Prometheus selects by them.",
            default={},
            schema={"type": "object", "additionalProperties": {"type": "string"}},
        ),
        Value(
            name="docs",
            description="Where the folder docs/ is served, such as `https://docs.example.com/`: links of "
            "alerts to docs/runbooks.md begin with it.",
            default="",
            schema={"type": "string"},
        ),
    ),
)


def tree() -> Group:
    """The values with what config/ has for them."""
    objects = [document for _, document in built(CONFIG / "default")]
    deployments, policies = (
        {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}
        for kind in ("Deployment", "NetworkPolicy")
    )
    return Group(
        description="The values of the chart of Kuadrant (docs/values.md).",
        members=(
            *_image(deployments[OPERATOR]),
            *_operator(deployments[OPERATOR]),
            _service(deployments[SERVICE]),
            _network(policies),
            _MONITORING,
        ),
        unlisted=_GLOBAL,
    )


def _image(operator: dict[str, Any]) -> tuple[Value | Group, ...]:
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    return (
        _image_reference(container["image"]),
        Value(
            name="imagePullPolicy",
            description="When nodes pull it.",
            default=container["imagePullPolicy"],
            schema={"enum": ["Always", "IfNotPresent", "Never"]},
        ),
        Value(
            name="imagePullSecrets",
            description="Secrets of the release's namespace to pull it with, "
            "such as `[{name: registry-key}]`.",
            default=[],
            schema={
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name"],
                    "properties": {"name": {"description": "The Secret's name.", "type": "string"}},
                },
            },
        ),
    )


def _image_reference(image: str) -> Group:
    repository, _, tag = image.partition(":")
    return Group(
        name="image",
        description="The image of the operator and of the rate limit service: `make image` or the "
        "Containerfile builds it. A text in place of these is taken as the whole reference.",
        members=(
            Value(
                name="registry",
                description="The registry that it is pulled from, with what stands before the repository "
                "there, such as `registry.example.com:5000/mirror`.",
                default="",
                schema={"type": "string", "pattern": f"^({_REGISTRY})?$"},
            ),
            Value(
                name="repository",
                description="Its name there.",
                default=repository,
                schema={
                    "type": "string",
                    "pattern": f"^([A-Za-z0-9.-]+(:[0-9]+)?/)?{_PART}(/{_PART})*$",
                },
            ),
            Value(
                name="tag",
                description="Its tag, as a text.",
                default=tag,
                schema={"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"},
            ),
            Value(
                name="digest",
                description="Its digest, such as `sha256:0123...`; with it the tag does not count.",
                default="",
                schema={"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
            ),
        ),
        other={"type": "string", "minLength": 1},
    )


def _operator(deployment: dict[str, Any]) -> tuple[Value, ...]:
    return (
        Value(
            name="replicas",
            description="How many operators run. Every one serves modules; one of them, the leader, writes.",
            default=deployment["spec"]["replicas"],
            schema=_COUNT,
        ),
        Value(
            name="trustedKeys",
            description="The name of a ConfigMap with public keys (`*.pub`) and statements "
            "(`*.statement.json`): only modules that one of these keys has signed are served "
            "(docs/modules.md).",
            default="",
            schema={"type": "string", "pattern": "^[a-z0-9.-]*$"},
        ),
        Value(
            name="endLimitingFirst",
            description="Whether `helm uninstall` ends limiting before anything goes, by a Job that runs "
            "`kuadrant uninstall --stop-only` (docs/uninstall.md).",
            default=True,
            schema=_SWITCH,
        ),
        _settings("operator", deployment),
        *pod_values("the operator", deployment),
    )


def _service(deployment: dict[str, Any]) -> Group:
    return Group(
        name="ratelimit",
        description="The rate limit service.",
        members=(
            Value(
                name="enabled",
                description="false where the limitador-operator brings the rate limit service.",
                default=True,
                schema=_SWITCH,
            ),
            Value(
                name="replicas",
                description="How many run. More than one needs a store: without it each counts by itself.",
                default=deployment["spec"]["replicas"],
                schema=_COUNT,
            ),
            _settings("ratelimit", deployment),
            *pod_values("the rate limit service", deployment),
        ),
    )


def _settings(command: str, deployment: dict[str, Any]) -> Value:
    """The settings of a command by their variables, without those that the Deployment itself sets."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ours = {entry["name"] for entry in container["env"]}
    properties = {
        variable: {"description": " ".join(one.parameter.help.split()), **_possible(one.hint)}
        for one in settings(command)
        for variable in one.parameter.env_var or ()
        if variable not in ours
    }
    return Value(
        name="settings",
        description=f"Settings of `kuadrant {command}` by their environment variables (docs/settings.md), "
        "such as `LOG_LEVEL: debug`.",
        default={},
        schema={"type": "object", "additionalProperties": False, "properties": properties},
    )


def _possible(hint: object) -> dict[str, Any]:
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    return {"type": ["string", "number", "boolean"]}


def _network(policies: Mapping[str, dict[str, Any]]) -> Group:
    ports = chart_network.ports(policies)
    return Group(
        name="networkPolicies",
        description="Who reaches our pods, and whom they reach (docs/network.md).",
        members=(
            Value(
                name="enabled",
                description="Whether there are network policies.",
                default=True,
                schema=_SWITCH,
            ),
            Value(
                name="callers",
                description="Who may ask the rate limit service: pods is every pod of the cluster, gateways "
                "those that are known for gateways. A gateway that is not gets no answer, and its limited "
                "requests 500.",
                default="pods",
                schema={"enum": ["pods", "gateways"]},
            ),
            Value(
                name="gateways",
                description="More gateways, as peers of a NetworkPolicy, "
                "such as `[{ipBlock: {cidr: 10.0.0.0/24}}]` for nodes whose network gateways use.",
                default=[],
                schema={"type": "array", "items": {"type": "object"}},
            ),
            Value(
                name="apiServerPorts",
                description="The ports that the API server really listens on, beside that of its Service.",
                default=ports["apiServerPorts"],
                schema=_PORTS,
            ),
            Value(
                name="storePorts",
                description="The ports of the store that counts; [] where there is none.",
                default=ports["storePorts"],
                schema=_PORTS,
            ),
        ),
    )
