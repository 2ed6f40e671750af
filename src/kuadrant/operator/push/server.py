"""Serves what was decided to the pods of gateways, and collects what they say of it.

Every replica decides for itself what it serves, from the same objects and by the same rules. What depends on
limits that are not held yet is not served before they are: what was served before stays. One that does not
know everything yet has nothing to serve, and a pod that hears nothing goes on with what it has.
"""

from __future__ import annotations

import hashlib
import hmac
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.envoy_api import encode, field, message
from kuadrant.gateways.delivery_mode import asks
from kuadrant.gateways.envoy.discovered_filter import WASM, extension
from kuadrant.incremental import are
from kuadrant.operator.push.certificate import PROOF, REPLICA, word_of
from kuadrant.operator.push.gateway_pods import GatewayPods
from kuadrant.operator.push.pod_admission import admission, group_of
from kuadrant.operator.push.replicas import teller
from kuadrant.status import Content, FilterState, PodState
from kuadrant.xds import EMPTY, EXTENSION, Admission, Credentials, Denial, Resource, Server, Snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision, GatewayDecision
    from kuadrant.wasm.module import Module
    from kuadrant.xds import Certificate, Connected, Identity, Peer, Reason


_ANY = message("google.protobuf.Any")
_STRING = message("google.protobuf.StringValue")
_EXTENSION = message("envoy.config.core.v3.TypedExtensionConfig")
_WASM = message("envoy.extensions.filters.http.wasm.v3.Wasm")


class _Carried(Struct, frozen=True):
    """Holds a module that may be served.

    Attributes:
        sha256: its digest.
        wasm: the serialized filter with it, whose configuration is empty.
    """

    sha256: str
    wasm: bytes


class _Served(Struct, frozen=True):
    """Holds a resource, and what it is made from."""

    configuration: bytes
    content: Content
    resource: Resource


class Push:
    """Serves decisions, each with the module that it is for.

    Only pods of gateways come in, once a decision has told which those are, and the other replicas, which may
    ask there what this one hears.

    Args:
        module: the first module; others are added.
        certificate: what those who connect are shown.
        port: where to listen, on all addresses of the host.
        host: the address to listen at.
        identify: tells whose token a pod at an IP address has shown.
        refused: is called for whatever is closed.
    """

    def __init__(
        self,
        module: Module,
        certificate: Certificate,
        port: int,
        host: str = "::",
        *,
        identify: Callable[[str, str], Awaitable[Identity]],
        refused: Callable[[Reason], None] = lambda _: None,
    ) -> None:
        self._replicas: frozenset[str] = frozenset()
        self._credentials = Credentials(certificate)
        self._modules: dict[str, _Carried] = {}
        self.add(module)
        self._module = self._modules[module.sha256]
        tells = teller(self.deliveries, self.changed, self._is_replica)
        self._server = Server(
            host=host,
            port=port,
            admit=self._admit,
            others=(tells,),
            credentials=self._credentials,
            identify=identify,
            places=self._places,
            refused=refused,
        )
        self.show(certificate)
        self._pods = GatewayPods()
        self._served: dict[Key, dict[str, _Served]] = {}
        self._sent: dict[str, tuple[_Served, ...]] = {}
        self._contents: dict[str, Content] = {}

    async def start(self) -> int:
        """Listens; returns the port.

        Raises:
            AddressError: the port cannot be had.
        """
        return await self._server.start()

    def hold_back(self, ready: Callable[[str], Awaitable[object]]) -> None:
        """Tell a pod that has just come nothing before ``ready``, called with its IP address, has ended."""
        self._server.hold_back(lambda peer: ready(peer.address))

    @property
    def is_asked(self) -> bool:
        """Tell whether anybody is connected."""
        return self._server.is_asked

    async def stop(self) -> None:
        """End every stream; pods keep what they have."""
        await self._server.stop()

    def changed(self) -> Awaitable[object]:
        """Return an awaitable that ends when, after this call, a pod comes, goes, or says something."""
        return self._server.changed()

    @property
    def certificate(self) -> Certificate:
        """The certificate that those are shown who connect now."""
        return self._credentials.certificate

    def show(self, certificate: Certificate) -> None:
        """Show another certificate to those who connect from now on."""
        self._credentials.certificate = certificate
        self._word = word_of(certificate, REPLICA)
        self._server.expect(word_of(certificate, PROOF).encode())

    def know(self, replicas: frozenset[str]) -> None:
        """Take these IP addresses for those of the other replicas from now on."""
        if replicas != self._replicas:
            self._replicas = replicas
            self._server.admit_again()

    def add(self, module: Module) -> None:
        """Add a module, before decisions are for it."""
        if module.sha256 not in self._modules:
            self._modules[module.sha256] = _carried(module)

    async def take(self, decision: Decision, pods: GatewayPods) -> None:
        """Serve from now on what was decided, to the pods of each gateway."""
        self._module = self._modules[decision.module.address.sha256]
        for key, one in decision.gateways.items():
            if not one.wanted.pushed:
                if one.wanted.problem is None:
                    self._served.pop(key, None)
            elif not one.wanted.objects and not any(map(asks, one.obsolete)):
                # Nothing makes its pods ask, as far as is known here. A pod that does has been told to by
                # another replica, of something newer: "nothing is limited" is no answer for it.
                self._served.pop(key, None)
            elif one.may_be_told:
                self._served[key] = self._made(key, one.wanted.pushed)
        for key in self._served.keys() - decision.gateways.keys():
            del self._served[key]
        anew, self._pods = pods is not self._pods, pods
        await self._send()
        if anew:
            self._server.admit_again()
        self._server.open()

    def _made(self, key: Key, pushed: Mapping[str, bytes]) -> dict[str, _Served]:
        former = self._served.get(key, {})
        made: dict[str, _Served] = {}
        for name, configuration in pushed.items():
            before = former.get(name)
            if (
                before is not None
                and before.configuration == configuration
                and before.content.sha256 == self._module.sha256
            ):
                made[name] = before
                continue
            content = content_of(self._module, configuration)
            # Both are in the version, and nothing else of it can differ.
            version = f"{content.sha256}/{content.configuration}"
            resource = Resource(name, version, _parts(name, self._module, configuration))
            self._contents[version] = content
            made[name] = _Served(configuration, content, resource)
        return made

    async def _send(self) -> None:
        groups: dict[str, tuple[_Served, ...]] = {}
        for gateways in self._pods.groups:
            served = (one for key in gateways for one in self._served.get(key, {}).values())
            groups[group_of(gateways)] = tuple(served)
        for group in self._sent.keys() - groups.keys():
            self._server.drop(group)
        for group, wanted in groups.items():
            former = self._sent.get(group)
            if former is None or not are(former, wanted):
                resources = {one.resource.name: one.resource for one in wanted}
                snapshot = Snapshot(MappingProxyType({EXTENSION: resources})) if resources else EMPTY
                await self._server.set(snapshot, group)
        self._sent = groups

    def _places(self, address: str) -> int:
        return len(self._pods.at(address)) + (address in self._replicas)

    def _is_replica(self, peer: str, word: str) -> bool:
        return self._server.address_of(peer) in self._replicas and hmac.compare_digest(
            word.encode(), self._word.encode()
        )

    def _admit(self, peer: Peer) -> Admission | Denial:
        return admission(peer, self._pods)

    # Evidence

    def wanted(self, decision: GatewayDecision) -> dict[str, Content]:
        """Return what the filters of a gateway are to run, whether or not it may be served already."""
        return {
            name: content_of(self._module, configuration)
            for name, configuration in decision.wanted.pushed.items()
        }

    def deliveries(self) -> dict[str, tuple[FilterState, ...]]:
        """Return what the pods connected to this replica have said, by pod (namespace/name)."""
        found: dict[str, tuple[FilterState, ...]] = {}
        for one in self._server.connected():
            if isinstance(one.admission, Admission):
                found[one.admission.client] = (
                    *found.get(one.admission.client, ()),
                    *self._said(one),
                )
        self._forget()
        return found

    def _said(self, connected: Connected) -> Iterable[FilterState]:
        status = connected.stream.types.get(EXTENSION)
        if status is None:
            return
        refusal = status.last_refusal
        for name in status.names or ():
            running = status.running.get(name)
            refused = None if refusal is None else refusal.versions.get(name)
            yield FilterState(
                filter=name,
                asked=connected.stream.since,
                running=None if running is None else self._contents.get(running.version),
                since=0.0 if running is None else running.at,
                refused=None if refused is None else self._contents.get(refused),
                refusal="" if refused is None or refusal is None else refusal.text,
                refused_at=0.0 if refused is None or refusal is None else refusal.at,
            )

    def _forget(self) -> None:
        """Forget the contents of versions that nobody runs, refuses or gets."""
        if len(self._contents) < 2 * sum(map(len, self._served.values())) + 1000:
            return
        used = {one.resource.version for served in self._served.values() for one in served.values()}
        for one in self._server.connected():
            for status in one.stream.types.values():
                used.update(taken.version for taken in status.running.values())
                used.update(status.last_refusal.versions.values() if status.last_refusal else ())
        self._contents = {version: one for version, one in self._contents.items() if version in used}


def _carried(module: Module) -> _Carried:
    packed = _ANY.FromString(encode(extension("", module.data, b"")))
    return _Carried(module.sha256, _EXTENSION.FromString(packed.value).typed_config.value)


def _parts(name: str, module: _Carried, configuration: bytes) -> tuple[bytes, ...]:
    """Return the bytes of a resource, in pieces.

    One piece that all gateways have together, with the configuration's text merged into it.
    """
    own = _WASM(
        config={"configuration": {"value": _STRING(value=configuration.decode()).SerializeToString()}}
    )
    wasm = field(_ANY, "value", (module.wasm, own.SerializeToString()))
    typed = field(_EXTENSION, "typed_config", (_ANY(type_url=WASM).SerializeToString(), *wasm))
    whole = field(_ANY, "value", (_EXTENSION(name=name).SerializeToString(), *typed))
    return (_ANY(type_url=EXTENSION).SerializeToString(), *whole)


def content_of(module: Module | _Carried, configuration: bytes) -> Content:
    """Names what a filter runs that has this module and this configuration."""
    return Content(module.sha256, hashlib.blake2b(configuration, digest_size=8).hexdigest())


def pod_states(
    pods: GatewayPods, gateway: Key, replicas: Iterable[Mapping[str, tuple[FilterState, ...]]]
) -> tuple[PodState, ...]:
    """Return the state of each pod of a gateway, from what pods have said to each replica.

    Where a pod is connected to several, what it has asked for last counts: the other connection is one that
    is gone.
    """
    replicas = tuple(replicas)
    states: list[PodState] = []
    for pod in pods.of(gateway):
        last: dict[str, FilterState] = {}
        for said in replicas:
            for delivery in said.get(pod.name, ()):
                if delivery.filter not in last or last[delivery.filter].asked < delivery.asked:
                    last[delivery.filter] = delivery
        deliveries = tuple(last[name] for name in sorted(last))
        states.append(PodState(pod=pod.name, ready=pod.ready, deliveries=deliveries))
    return tuple(states)
