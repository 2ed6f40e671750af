"""The rules of a Gateway and its listeners."""

from typing import Final

from kuadrant.api.complaints import Complaints, repeated, unique_names
from kuadrant.api.gateway import GatewaySpec, Listener, RouteNamespaces
from kuadrant.api.meta import LabelSelectorRequirement
from kuadrant.api.node_reading import Rules


def _gateway(spec: GatewaySpec) -> Complaints:
    yield from unique_names((listener.name for listener in spec.listeners), "listeners")
    for index, listener in enumerate(spec.listeners):
        if listener.protocol in ("TCP", "UDP") and listener.hostname is not None:
            yield (
                ("listeners", index, "hostname"),
                f"has no meaning for the protocol {listener.protocol}; leave it out",
            )
        yield from _tls(index, listener)
    for index, first in repeated((one.port, one.protocol, one.hostname) for one in spec.listeners):
        yield ("listeners", index), f"has the same port, protocol and hostname as listeners[{first}]"


def _tls(index: int, listener: Listener) -> Complaints:
    tls, place = listener.tls, ("listeners", index, "tls")
    if tls is None:
        return
    if listener.protocol in ("HTTP", "TCP", "UDP"):
        yield place, f"has no meaning for the protocol {listener.protocol}; leave it out"
    elif listener.protocol == "HTTPS" and tls.mode != "Terminate":
        yield (*place, "mode"), f"is {tls.mode}, the protocol HTTPS has Terminate"
    elif tls.mode == "Terminate" and not (tls.certificate_refs or tls.options):
        yield (*place, "certificateRefs"), "is missing; mode Terminate needs a certificate"


def _namespaces(namespaces: RouteNamespaces) -> Complaints:
    if namespaces.from_ == "Selector" and namespaces.selector is None:
        yield ("selector",), "is missing; from: Selector needs it"


def _label_requirement(requirement: LabelSelectorRequirement) -> Complaints:
    if requirement.operator in ("In", "NotIn") and not requirement.values:
        yield ("values",), f"must have at least 1 item for the operator {requirement.operator}"
    if requirement.operator in ("Exists", "DoesNotExist") and requirement.values:
        yield ("values",), f"must be left out for the operator {requirement.operator}"


RULES: Final[Rules] = {
    GatewaySpec: _gateway,
    LabelSelectorRequirement: _label_requirement,
    RouteNamespaces: _namespaces,
}
"""The rule of each struct that has one."""
