"""The certificates of HTTPS listeners: which Secrets they name, whether they may, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.api.document_nodes import quoted
from kuadrant.compiler.forwarding import ReferenceGrants
from kuadrant.compiler.listener_conflicts import hostname_of, listeners_by_port
from kuadrant.gateways.envoy.key_pair import KeyPair
from kuadrant.gateways.envoy.tls_secret import Flaw, in_secret
from kuadrant.policy.model import Problem

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from kuadrant.api.documents import Folder
    from kuadrant.api.gateway import Gateway, Listener, SecretReference


class TlsChain(Struct, frozen=True, gc=False):
    """A host name (``*`` for any) and the names of the certificates that are shown for it."""

    hostname: str
    certificates: tuple[str, ...]


class Certificates(Struct, frozen=True):
    """Holds what HTTPS listeners show.

    Attributes:
        chains: by Gateway (``namespace/name``) and port; a listener without a certificate is not there.
        held: the certificates, by their names.
        problems: what is wrong with them.
        unserved: why listeners (``namespace/name`` of the Gateway, and name) show none, and are not served.
    """

    chains: Mapping[tuple[str, int], tuple[TlsChain, ...]]
    held: Mapping[str, KeyPair]
    problems: tuple[Problem, ...]
    unserved: Mapping[tuple[str, str], str] = MappingProxyType({})


NO_CERTIFICATES: Final = Certificates({}, {}, ())


def certificates(folder: Folder, now: dt.datetime, before: Mapping[str, KeyPair]) -> Certificates:
    """Return what the HTTPS listeners of ``folder`` show at the time ``now``.

    A certificate's name is that of its place at a listener. Where a Secret cannot be used, the listener goes
    on with what it showed there ``before``, unless it may not name that any more.
    """
    looked = _Look(folder, now, before)
    for gateway in folder.objects.gateways:
        for listeners in listeners_by_port(gateway).values():
            for listener in listeners:
                if listener.protocol == "HTTPS":
                    looked.at(gateway, listener)
    return Certificates(looked.chains, looked.held, tuple(looked.problems), looked.unserved)


class _Look:
    """Holds what was found so far."""

    def __init__(self, folder: Folder, now: dt.datetime, before: Mapping[str, KeyPair]) -> None:
        self._secrets = {(one.metadata.namespace, one.metadata.name): one for one in folder.objects.secrets}
        self._sources = folder.sources
        self._grants = ReferenceGrants(folder.objects.reference_grants)
        self._now = now
        self._before = before
        self.chains: dict[tuple[str, int], tuple[TlsChain, ...]] = {}
        self.held: dict[str, KeyPair] = {}
        self.problems: list[Problem] = []
        self.unserved: dict[tuple[str, str], str] = {}

    def at(self, gateway: Gateway, listener: Listener) -> None:
        """Note what ``listener`` shows, and what is wrong with it."""
        own = gateway.metadata
        names: list[str] = []
        flaws: list[tuple[Flaw, str]] = []
        for number, found in enumerate(self._found(gateway, listener)):
            name = f"{own.namespace}/{own.name}/{listener.name}/{number}"
            pair, effect = self._shown(name, own.namespace, found)
            if isinstance(found, Flaw):
                flaws.append((found, effect))
            if pair is not None:
                self.held[name] = pair
                names.append(name)
        if names:
            key = (f"{own.namespace}/{own.name}", listener.port)
            chain = TlsChain(hostname_of(listener), tuple(names))
            self.chains[key] = (*self.chains.get(key, ()), chain)
        at_last = "has its other certificates" if names else "is not served"
        if not names:
            flaw = flaws[0][0]
            kind, *owner = flaw.subject
            because = f"{flaw.field} of {kind} {'/'.join(owner)} {flaw.message}"
            self.unserved[f"{own.namespace}/{own.name}", listener.name] = because
        for flaw, effect in flaws:
            where = f"listener {listener.name} of Gateway {own.namespace}/{own.name}"
            message = f"{flaw.message}; {where} {effect or at_last}"
            self.problems.append(Problem("warning", *flaw.subject, flaw.field, message, flaw.code))

    def _shown(self, name: str, namespace: str, found: KeyPair | Flaw) -> tuple[KeyPair | None, str]:
        """Return what is shown for what was found, and what that means if it is a flaw."""
        if isinstance(found, KeyPair):
            return found, ""
        before = self._before.get(name)
        stays = before is not None and not found.forbids and self._may_name(namespace, *before.origin)
        if before is not None and stays and not (found.pair and before.untimely(self._now)):
            return before, "goes on with the certificate before"
        return found.pair, "shows it, and clients refuse it" if found.pair else ""

    def _found(self, gateway: Gateway, listener: Listener) -> Iterator[KeyPair | Flaw]:
        """Yield what each place for a certificate has."""
        own, tls = gateway.metadata, listener.tls
        subject = ("Gateway", own.namespace, own.name)
        index = next(at for at, one in enumerate(gateway.spec.listeners) if one is listener)
        field = f"spec.listeners[{index}]"
        if (tls is not None and tls.frontend_validation is not None) or gateway.spec.tls.frontend is not None:
            place = "spec.tls.frontend" if gateway.spec.tls.frontend else f"{field}.tls.frontendValidation"
            message = "asks for certificates of clients, which kuadrant run does not check"
            yield Flaw("client-certificates", subject, place, message, forbids=True)
        elif tls is None or not tls.certificate_refs:
            message = "names no certificate"
            yield Flaw("certificate-not-found", subject, f"{field}.tls.certificateRefs", message)
        else:
            for number, reference in enumerate(tls.certificate_refs):
                place = f"{field}.tls.certificateRefs[{number}]"
                yield self._named(subject, place, reference)

    def _named(self, subject: tuple[str, str, str], field: str, named: SecretReference) -> KeyPair | Flaw:
        namespace = named.namespace or subject[1]
        if (named.group, named.kind) != ("", "Secret"):
            message = f"is {named.kind}, which is not read; a certificate is in a Secret"
            return Flaw("certificate-invalid", subject, f"{field}.kind", message)
        if not self._may_name(subject[1], namespace, named.name):
            message = (
                f"is {namespace}, and no ReferenceGrant there allows a Gateway of {subject[1]} to name "
                f"Secret {named.name}"
            )
            return Flaw("ref-not-permitted", subject, f"{field}.namespace", message, forbids=True)
        secret = self._secrets.get((namespace, named.name))
        if secret is not None:
            return in_secret(secret, self._now)
        code = "certificate-not-found" if self._secrets else "listener-not-served"
        there = "has mistakes" if ("Secret", namespace, named.name) in self._sources else "does not exist"
        message = f"is {quoted(named.name)}, and that Secret of namespace {namespace} {there}"
        return Flaw(code, subject, f"{field}.name", message)

    def _may_name(self, namespace: str, other: str, secret: str) -> bool:
        return self._grants.allow(
            kind="Gateway", namespace=namespace, to="Secret", to_namespace=other, name=secret
        )
