"""Documents by which nothing is served, or less than is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.compiler.listener_conflicts import listeners_by_port
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule
from kuadrant.policy.route_attachment import takes_requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.findings.examined_documents import Material
    from kuadrant.policy.model import Problem

RULES: Final = (
    Rule(
        code="nothing-to-serve",
        severity="warning",
        title="The documents have no Gateway that serves anything.",
        means="There is no Gateway, or none with a listener of the protocol HTTP or HTTPS. `kuadrant run`"
        " serves nothing then.",
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
        means="It serves listeners of the protocols HTTP and HTTPS, and as many as there are ports. One of "
        "HTTPS needs a certificate, which may be elsewhere where the documents have no Secret at all. The "
        "other listeners of the Gateway are served.",
        do="Nothing if the listener is for a cluster.",
    ),
    Rule(
        code="listener-conflicted",
        severity="error",
        title="Another listener already has the port for another protocol, or the host name.",
        means="This listener serves nothing.",
        do="Choose another port or host name, or remove the listener.",
    ),
    Rule(
        code="invalid-identity",
        severity="error",
        title="What is to say who requests are from says nothing of the kind.",
        means="The annotation `kuadrant.io/identity` of a Gateway, and `identity` of the Kuadrant for those "
        "without it, is `jwt`, `jwt:PROVIDER`, `header:NAME`, `mtls` or `none`. With anything else the "
        "gateway knows nobody, and policies of v1 that ask for `auth.identity` are refused.",
        do="Write one of these.",
    ),
    Rule(
        code="identity-of-nobody",
        severity="warning",
        title="A Gateway knows who requests are from by something that `kuadrant run` does not check.",
        means="Every request is from nobody: `has(auth.identity.sub)` is false, and limits of v1beta2 for "
        "each user do not apply.",
        do="For tokens, add a RequestAuthentication for the Gateway with the issuer and its keys "
        "(docs/identity.md).",
    ),
    Rule(
        code="authentication-not-carried-out",
        severity="note",
        title="`kuadrant run` does not carry out a SecurityPolicy, or a rule of a RequestAuthentication.",
        means="A SecurityPolicy is Envoy Gateway's. A rule of a RequestAuthentication is carried out if it "
        "has keys from `jwks` or a file beside it, `jwksUri: file:NAME.jwks.json`, is for Gateways of its "
        "own namespace, by `targetRefs` or the label `gateway.networking.k8s.io/gateway-name`, and writes no "
        "headers of claims. Tokens that another one is for are nobody's.",
        do="Nothing if it is for a cluster.",
    ),
    Rule(
        code="certificate-not-found",
        severity="warning",
        title="A listener of HTTPS names no Secret that is there.",
        means="`kuadrant run` does not serve a listener that has no certificate. One that had one before "
        "goes on with it.",
        do="Add the Secret, or correct its name and namespace.",
    ),
    Rule(
        code="certificate-invalid",
        severity="error",
        title="A certificate cannot be used.",
        means="The Secret is not of type `kubernetes.io/tls`, one of its values `tls.crt` and `tls.key` is "
        "missing or is no PEM, the key is that of another certificate, or it is one that Envoy does not "
        "take. A listener that had a certificate before goes on with it; without any it is not served.",
        do="Make the Secret anew: `kubectl create secret tls NAME --cert=FILE --key=FILE --dry-run=client "
        "-o yaml`.",
    ),
    Rule(
        code="certificate-untimely",
        severity="warning",
        title="A certificate has expired, or is not valid yet.",
        means="It takes the place of no certificate that is valid. Without one it is shown, and clients "
        "refuse it.",
        do="Renew the certificate.",
    ),
    Rule(
        code="client-certificates",
        severity="error",
        title="A listener asks for certificates of clients, which `kuadrant run` does not check.",
        means="Without the check anybody would come in, so the listener is not served.",
        do="Leave `frontendValidation` and `spec.tls.frontend` out here, or check it in a cluster.",
    ),
)


def folder_findings(of: Material) -> Iterator[Problem]:
    """Yield the Gateways by which nothing is served, and their listeners which are not."""
    for gateway in of.objects.gateways:
        key = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
        subject = ("Gateway", gateway.metadata.namespace, gateway.metadata.name)
        for index, listener in enumerate(gateway.spec.listeners):
            if not takes_requests(listener):
                message = f"is {listener.protocol}, which kuadrant run does not serve, only HTTP and HTTPS"
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
    return of.is_complete and read and not any(map(takes_requests, listeners))
