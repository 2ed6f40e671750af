"""What is wrong with the cluster around an installation: versions, kinds, providers, names, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.doctor.facts import RATELIMIT_SERVICE, is_true, named
from kuadrant.doctor.finding import Finding, Symptom
from kuadrant.gateways.delivery_mode import ANNOTATION
from kuadrant.gateways.providers import PROVIDERS, provider_of
from kuadrant.operator.core import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.doctor.facts import Facts

_OLDEST: Final = (1, 30)
_SKEW_SECONDS: Final = 5.0

KUBERNETES = Symptom(
    "kubernetes-version",
    "error",
    "What holds policies to their rules, ValidatingAdmissionPolicy, is there since Kubernetes 1.30.",
    "Update the cluster.",
)
GATEWAY_API = Symptom(
    "gateway-api",
    "error",
    "There is nothing that a policy could be attached to.",
    "Install the definitions of Gateway API: Gateway, GatewayClass and HTTPRoute.",
)
PROVIDER = Symptom(
    "provider",
    "error",
    "Nobody carries out what we tell gateways.",
    "Install Istio or Envoy Gateway. Nothing of ours has to be restarted.",
)
CONTROL_PLANE = Symptom(
    "control-plane",
    "error",
    "Gateways go on with what they have, and no edit of a policy gets to them.",
    "Look at the pods of the provider's control plane.",
)
CLASS = Symptom(
    "gateway-class",
    "warning",
    "What we make for a Gateway depends on its class, so nothing of it is touched.",
    "Make the GatewayClass, or correct `spec.gatewayClassName`.",
)
FOREIGN_CLASS = Symptom(
    "foreign-class",
    "note",
    "Only gateways of Istio and Envoy Gateway can be limited.",
    "Nothing, unless policies are meant for this Gateway.",
)
NOT_ACCEPTED = Symptom(
    "class-not-accepted",
    "warning",
    "Its controller does not run, or does not take the class: no Gateway of it serves anything.",
    "Look at the class's conditions, and at the pods of its controller.",
)
DELIVERY = Symptom(
    "delivery",
    "error",
    "The gateway is told nothing, and what it has stays.",
    f"Set the annotation `{ANNOTATION}` to `pull` or `push`, or remove it.",
)
PATCHES_OFF = Symptom(
    "patches-off",
    "warning",
    "It is told where the module is instead, and the module asks the rate limit service by its address.",
    "Set `extensionApis.enableEnvoyPatchPolicy: true` in Envoy Gateway's configuration, or take the "
    "annotation away.",
)
NAMES = Symptom(
    "cluster-names",
    "error",
    "Gateways reach the module's server and the rate limit service by names of Services.",
    "Look at the pods behind the Service kube-dns of kube-system.",
)
NOT_RESOLVED = Symptom(
    "name-not-resolved",
    "error",
    "The module's address has this name: a gateway that starts cannot fetch it.",
    "If the cluster has another domain than cluster.local, set `WASM_SHIM_HOST` (docs/settings.md).",
)
CLOCK = Symptom(
    "clock",
    "warning",
    "The Lease, certificates and tokens count by the clocks of machines.",
    "Have the machines keep time, by NTP for instance.",
)
NOT_READ = Symptom(
    "not-read",
    "warning",
    "What depends on these objects was not looked at.",
    "Run it as somebody who may list them.",
)
OTHER_SERVICE = Symptom(
    "limitador-service",
    "warning",
    "Its address cannot be changed: our Service of that name is refused, or takes its place for others.",
    "Use `config/limitador-operator`, which leaves our rate limit service out.",
)
SYMPTOMS: Final = (
    KUBERNETES,
    GATEWAY_API,
    PROVIDER,
    CONTROL_PLANE,
    CLASS,
    FOREIGN_CLASS,
    NOT_ACCEPTED,
    DELIVERY,
    PATCHES_OFF,
    NAMES,
    NOT_RESOLVED,
    CLOCK,
    NOT_READ,
    OTHER_SERVICE,
)


def examined(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong around the installation."""
    if facts.server != (0, 0) and facts.server < _OLDEST:
        yield KUBERNETES.found(f"this is Kubernetes {'.'.join(map(str, facts.server))}, older than 1.30")
    yield from (NOT_READ.found(f"{kind}: {why}", kind) for kind, why in facts.unread.items())
    yield from _missing(facts)
    yield from _classes(facts)
    yield from _gateways(facts)
    yield from _names(facts)
    if facts.ahead is not None and abs(facts.ahead) > _SKEW_SECONDS:
        way = "ahead of" if facts.ahead > 0 else "behind"
        yield CLOCK.found(f"the API server's clock is {abs(facts.ahead):.0f} s {way} that of this machine")
    service = facts.one("Service", RATELIMIT_SERVICE)
    if service is not None and service.get("spec", {}).get("clusterIP") == "None":
        yield OTHER_SERVICE.found("the Service limitador-limitador is that of the limitador-operator")


def _missing(facts: Facts) -> Iterator[Finding]:
    if "CustomResourceDefinition" in facts.unread:
        return
    for kind in (kinds.GATEWAY_CLASSES, kinds.GATEWAYS, kinds.HTTP_ROUTES):
        if facts.definition(kind.resource) is None:
            yield GATEWAY_API.found(f"the definition {kind.resource} is not there", kind.resource)
    served = [
        one
        for one in PROVIDERS
        if all(facts.definition(f"{kind.plural}.{kind.group}") is not None for kind in one.KINDS)
    ]
    if not served:
        yield PROVIDER.found("neither Istio nor Envoy Gateway is installed")
    for one in served:
        label, _, value = one.CONTROL_PLANE.partition("=")
        if value and not any(
            _is_ready(each) for each in facts.all("EndpointSlice") if _has(each, label, value)
        ):
            yield CONTROL_PLANE.found(f"no pod of {one.NAME}'s control plane ({one.CONTROL_PLANE}) is ready")


def _has(document: Any, label: str, value: str) -> bool:
    return bool(document["metadata"].get("labels", {}).get(label) == value)


def _is_ready(endpoints: Any) -> bool:
    return any(
        one.get("conditions", {}).get("ready") is not False for one in endpoints.get("endpoints") or ()
    )


def _classes(facts: Facts) -> Iterator[Finding]:
    for one in facts.all("GatewayClass"):
        known = provider_of(one.get("spec", {}).get("controllerName", ""))
        if known is not None and is_true(one, "Accepted") is not True:
            yield NOT_ACCEPTED.found(f"{named(one)} is not accepted by its controller", named(one))


def _gateways(facts: Facts) -> Iterator[Finding]:
    classes = {one["metadata"]["name"]: one for one in facts.all("GatewayClass")}
    for one in facts.all("Gateway"):
        name = one.get("spec", {}).get("gatewayClassName", "")
        found = classes.get(name)
        if found is None:
            yield CLASS.found(f"{named(one)} has the class {name}, which does not exist", named(one))
            continue
        controller = found["spec"]["controllerName"]
        provider = provider_of(controller)
        if provider is None:
            yield FOREIGN_CLASS.found(f"{named(one)} is one of {controller}", named(one))
            continue
        way = one["metadata"].get("annotations", {}).get(ANNOTATION, "pull")
        if way not in {"pull", "push"}:
            yield DELIVERY.found(f"{named(one)} is to get its module by {way!r}, which is no way", named(one))
        if way == "push" and provider.NAME == "Envoy Gateway" and _has_patches_off(facts):
            yield PATCHES_OFF.found(
                f"{named(one)} is to be pushed to, and Envoy Gateway carries out no EnvoyPatchPolicy",
                named(one),
            )


def _has_patches_off(facts: Facts) -> bool:
    """Tell whether Envoy Gateway's settings are known, and do not turn on what push needs."""
    texts = [
        text
        for one in facts.all("ConfigMap")
        for name, text in (one.get("data") or {}).items()
        if name == "envoy-gateway.yaml"
    ]
    return bool(texts) and not any(
        "enableEnvoyPatchPolicy: true" in text or '"enableEnvoyPatchPolicy":true' in text.replace(" ", "")
        for text in texts
    )


def _names(facts: Facts) -> Iterator[Finding]:
    has_service = any(
        one["metadata"]["name"] == "kube-dns" and one["metadata"]["namespace"] == "kube-system"
        for one in facts.all("Service")
    )
    if has_service and not facts.ready_endpoints("kube-dns", "kube-system"):
        yield NAMES.found("no pod that answers for names is ready (Service kube-system/kube-dns)")
    for name in facts.unresolved:
        yield NOT_RESOLVED.found(f"{name} cannot be resolved in a pod of the cluster", name)
