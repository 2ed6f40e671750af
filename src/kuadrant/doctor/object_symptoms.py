"""What is wrong with network policies, certificates and the size of objects."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography import x509

from kuadrant.doctor.facts import named
from kuadrant.doctor.finding import Finding, Symptom
from kuadrant.gateways.object_size import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.doctor.facts import Document, Facts

_SECRET: Final = "kuadrant-push-server"  # noqa: S105 - the name of a Secret
_DAY: Final = 86_400.0
_SOON: Final = 30 * _DAY
_LARGE: Final = MOST_BYTES * 0.8
_OPERATOR: Final = {"app": "kuadrant", "control-plane": "controller-manager"}
_RATELIMIT: Final = {"app": "kuadrant", "control-plane": "ratelimit"}
_PORTS: Final = (
    (_OPERATOR, 8082, "wasm-shim", "fetch the module"),
    (_OPERATOR, 8083, "push", "ask for their configuration"),
    (_RATELIMIT, 8081, "grpc", "ask the rate limit service"),
)

PORT_CLOSED = Symptom(
    "port-closed",
    "error",
    "Gateways get no answer: 500 for limited requests without the rate limit service, and 403 or 500 for all "
    "without the module.",
    "Apply `config/network`, or let gateways in by a policy of yours (docs/network.md).",
)
EGRESS_CLOSED = Symptom(
    "egress-closed",
    "warning",
    "Its proxies do not get to the module's server or the rate limit service.",
    "Let them reach the namespace of the installation (docs/network.md).",
)
CERTIFICATE = Symptom(
    "certificate",
    "error",
    "Gateways that are pushed to do not believe the operator, and those that start are not ready.",
    "Delete the Secret, if the operator made it: it makes another one. Else renew it where it comes from.",
)
CERTIFICATE_ENDS = Symptom(
    "certificate-ends",
    "warning",
    "After that, gateways that are pushed to do not believe the operator.",
    "The operator renews its own a year before; one of yours is to be renewed where it comes from.",
)
SIZE = Symptom(
    "object-size",
    "warning",
    "What is larger than 512 KiB is not written: the gateway stays with what it has.",
    "Have fewer limited rules on one gateway, or push (docs/budgets.md).",
)
SYMPTOMS: Final = (PORT_CLOSED, EGRESS_CLOSED, CERTIFICATE, CERTIFICATE_ENDS, SIZE)


def examined(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with these."""
    if facts.is_installed:
        yield from _closed_ports(facts)
        yield from _closed_ways(facts)
    yield from _certificates(facts)
    for kind in ("WasmPlugin", "EnvoyFilter", "EnvoyExtensionPolicy", "EnvoyPatchPolicy", "Limitador"):
        for one in facts.all(kind):
            if not _is_of_us(one):
                continue
            content = {key: value for key, value in one.items() if key not in {"metadata", "status"}}
            size = len(msgspec.json.encode(content))
            if size > _LARGE:
                yield SIZE.found(f"{named(one)} has {size // 1024} KiB", named(one))


def _is_of_us(document: Document) -> bool:
    return bool(document["metadata"].get("labels", {}).get("kuadrant.io/managed") == "true")


def _closed_ports(facts: Facts) -> Iterator[Finding]:
    """Where policies choose our pods and none of them lets anybody in to a port."""
    for labels, port, name, what in _PORTS:
        policies = [
            one
            for one in facts.own("NetworkPolicy")
            if _chooses(one["spec"].get("podSelector"), labels) and "Ingress" in _types(one)
        ]
        if policies and not any(_opens(one["spec"].get("ingress"), port, name) for one in policies):
            yield PORT_CLOSED.found(
                f"network policies let nobody in to port {port}, where gateways {what}: "
                + ", ".join(map(named, policies)),
                str(port),
            )


def _closed_ways(facts: Facts) -> Iterator[Finding]:
    """Where a gateway's namespace has a policy for every pod that lets none of them out to a port of ours."""
    namespaces = {one["metadata"]["namespace"] for one in facts.all("Gateway")}
    for one in facts.all("NetworkPolicy"):
        place = one["metadata"]["namespace"]
        if place not in namespaces or place == facts.namespace or "Egress" not in _types(one):
            continue
        others = [
            other["spec"].get("egress")
            for other in facts.all("NetworkPolicy")
            if other["metadata"]["namespace"] == place
        ]
        shut = [port for _, port, name, _ in _PORTS if not any(_opens(rules, port, name) for rules in others)]
        if _chooses(one["spec"].get("podSelector"), {}) and shut:
            ports = ", ".join(map(str, shut))
            yield EGRESS_CLOSED.found(f"{named(one)} lets no pod out to ports {ports}", named(one))


def _types(policy: Document) -> tuple[str, ...]:
    spec = policy["spec"]
    return tuple(spec.get("policyTypes") or ("Ingress", *(("Egress",) if spec.get("egress") else ())))


def _chooses(selector: Any, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector is known to choose pods with these labels."""
    wanted = (selector or {}).get("matchLabels") or {}
    return not (selector or {}).get("matchExpressions") and all(
        labels.get(name) == value for name, value in wanted.items()
    )


def _opens(rules: Any, port: int, name: str) -> bool:
    """Tell whether any rule is about a port; one that names none is about all."""
    for rule in rules or ():
        ports = rule.get("ports")
        if not ports:
            return True
        for one in ports:
            number = one.get("port")
            last = one.get("endPort", number)
            if number in {port, name, None}:
                return True
            if isinstance(number, int) and isinstance(last, int) and number <= port <= last:
                return True
    return False


def _certificates(facts: Facts) -> Iterator[Finding]:
    found = facts.one("Secret", _SECRET)
    if found is None:
        return
    about = f"Secret {facts.namespace}/{_SECRET}"
    try:
        data = base64.b64decode((found.get("data") or {}).get("tls.crt", ""), validate=True)
        certificate = x509.load_pem_x509_certificate(data)
    except (binascii.Error, ValueError, TypeError):
        yield CERTIFICATE.found(f"{about} has no certificate under tls.crt", about)
        return
    left = certificate.not_valid_after_utc.timestamp() - facts.now
    begins = certificate.not_valid_before_utc.timestamp() - facts.now
    if left <= 0:
        yield CERTIFICATE.found(f"the certificate of {about} ended {-left / _DAY:.0f} days ago", about)
    elif begins > 0:
        yield CERTIFICATE.found(f"the certificate of {about} is not valid yet", about)
    elif left < _SOON:
        yield CERTIFICATE_ENDS.found(f"the certificate of {about} ends in {left / _DAY:.0f} days", about)
