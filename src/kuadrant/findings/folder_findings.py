"""Documents by which nothing is served, or less than is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.compiler.listener_conflicts import listeners_by_port
from kuadrant.findings.finding import Rule
from kuadrant.findings.material import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.findings.material import Material
    from kuadrant.policy.model import Problem

RULES: Final = (
    Rule(
        code="nothing-to-serve",
        severity="warning",
        title="The documents have no Gateway that serves anything.",
        means="There is no Gateway, or none with a listener of the protocol HTTP. `kuadrant run` serves"
        " nothing then.",
        do="Add a Gateway with a listener of the protocol HTTP, or name the folder that has one.",
    ),
    Rule(
        code="no-routes",
        severity="warning",
        title="No route names a Gateway.",
        means="Every request gets 404.",
        do="Add a route that names the Gateway in `parentRefs`.",
    ),
    Rule(
        code="listener-not-served",
        severity="note",
        title="A listener is not served by `kuadrant run`.",
        means="It serves listeners of the protocol HTTP, and as many as there are ports. The other "
        "listeners of the Gateway are served.",
        do="Nothing if the listener is for a cluster.",
    ),
    Rule(
        code="listener-conflicted",
        severity="error",
        title="Another listener already has the port for another protocol, or the host name.",
        means="This listener serves nothing.",
        do="Choose another port or host name, or remove the listener.",
    ),
)


def folder_findings(of: Material) -> Iterator[Problem]:
    """Yield the Gateways by which nothing is served, and their listeners which are not."""
    for gateway in of.objects.gateways:
        key = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
        subject = ("Gateway", gateway.metadata.namespace, gateway.metadata.name)
        for index, listener in enumerate(gateway.spec.listeners):
            if listener.protocol != "HTTP":
                message = f"is {listener.protocol}, which kuadrant run does not serve, only HTTP"
                field = f"spec.listeners[{index}].protocol"
                yield problem(subject, field, "listener-not-served", message)
        # Of a route that names it, and is not attached, it is said why.
        if listeners_by_port(gateway) and key not in of.paths.named and of.is_complete:
            message = "has no route, so every request is answered with 404"
            yield problem(subject, "metadata.name", "no-routes", message)


def serves_nothing(of: Material) -> bool:
    """Tell whether there is no Gateway with a listener that is served, nor one that could not be read."""
    listeners = [one for gateway in of.objects.gateways for one in gateway.spec.listeners]
    read = sum(kind == "Gateway" for kind, _, _ in of.sources) == len(of.objects.gateways)
    return of.is_complete and read and not any(one.protocol == "HTTP" for one in listeners)
