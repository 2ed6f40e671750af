"""The push server of this replica: what was decided goes out to the pods of gateways, and what they say of it comes back.

Every replica decides for itself what it serves, from the same objects and by the same rules. What depends on limits that are not
held yet is not served before they are: what was served before stays. One that does not know everything yet has nothing to serve,
and a pod that hears nothing goes on with what it has.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.envoy_api import encode, field, message
from kuadrant.gateways.envoy.extension import WASM, extension
from kuadrant.operator.admission import GatewayPods, group_of
from kuadrant.operator.decision import LIMITADOR
from kuadrant.operator.replicas import teller
from kuadrant.status import Content, Delivery, PodState
from kuadrant.xds import EMPTY, EXTENSION, Admission, Credentials, Denial, Resource, Server, Snapshot, ip_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from kuadrant.kube.kind import Key
    from kuadrant.operator.decision import Decision, GatewayDecision
    from kuadrant.wasm.module import Module
    from kuadrant.xds import Certificate, Connected, Identity, Peer


_ANY = message("google.protobuf.Any")
_STRING = message("google.protobuf.StringValue")
_EXTENSION = message("envoy.config.core.v3.TypedExtensionConfig")
_WASM = message("envoy.extensions.filters.http.wasm.v3.Wasm")


class _Carried(Struct, frozen=True):
    """A module that may be served: its SHA-256, and ``wasm``, the serialized filter with it, whose configuration is empty."""

    sha256: str
    wasm: bytes


class _Served(Struct, frozen=True):
    """A resource, and what it is made from."""

    configuration: bytes
    content: Content
    resource: Resource


class Push:
    """Serves on ``port`` of all addresses what decisions say, with the module in it that they are for: ``module``, or one that was added.

    It shows those who connect ``certificate``. The other replicas, whose IP addresses are in ``replicas``, may ask there what this one
    hears. ``identify`` tells whose token a pod has shown.
    """

    def __init__(
        self,
        module: Module,
        certificate: Certificate,
        port: int,
        host: str = "::",
        *,
        identify: Callable[[str], Awaitable[Identity]],
    ) -> None:
        self.replicas: frozenset[str] = frozenset()
        self._credentials = Credentials(certificate)
        self._modules: dict[str, _Carried] = {}
        self.add(module)
        self._module = self._modules[module.sha256]
        tells = teller(self.deliveries, self.changed, lambda peer: ip_of(peer) in self.replicas)
        self._server = Server(
            host=host,
            port=port,
            admit=self._admit,
            others=(tells,),
            credentials=self._credentials,
            identify=identify,
        )
        self._pods = GatewayPods()
        self._served: dict[Key, dict[str, _Served]] = {}
        self._sent: dict[str, tuple[_Served, ...]] = {}
        self._contents: dict[str, Content] = {}

    async def start(self) -> int:
        """Listen; returns the port.

        Raises:
            AddressError: the port cannot be had.
        """
        return await self._server.start()

    async def stop(self) -> None:
        """End every stream; pods keep what they have."""
        await self._server.stop()

    def changed(self) -> Awaitable[object]:
        """Return what ends when, after this call, a pod comes, goes, or says something."""
        return self._server.changed()

    def show(self, certificate: Certificate) -> None:
        """Show another certificate to those who connect from now on."""
        self._credentials.certificate = certificate

    def add(self, module: Module) -> None:
        """Have one more module, before decisions are for it."""
        if module.sha256 not in self._modules:
            self._modules[module.sha256] = _carried(module)

    async def take(self, decision: Decision, pods: GatewayPods) -> None:
        """Serve from now on what was decided, to the pods of each gateway."""
        self._module = self._modules[decision.module.sha256]
        for key, one in decision.gateways.items():
            if not one.wanted.pushed:
                if one.wanted.problem is None:
                    self._served.pop(key, None)
            elif LIMITADOR not in one.awaited:
                self._served[key] = self._made(key, one.wanted.pushed)
        for key in self._served.keys() - decision.gateways.keys():
            del self._served[key]
        anew, self._pods = pods is not self._pods, pods
        await self._send()
        if anew:
            self._server.admit_again()

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
            if not _same(self._sent.get(group), wanted):
                resources = {one.resource.name: one.resource for one in wanted}
                snapshot = Snapshot(MappingProxyType({EXTENSION: resources})) if resources else EMPTY
                await self._server.set(snapshot, group)
        self._sent = groups

    def _admit(self, peer: Peer) -> Admission | Denial:
        return self._pods.admit(peer)

    # Evidence

    def wanted(self, decision: GatewayDecision) -> dict[str, Content]:
        """What the filters of a gateway are to run, whether or not it may be served already."""
        return {
            name: content_of(self._module, configuration)
            for name, configuration in decision.wanted.pushed.items()
        }

    def deliveries(self) -> dict[str, tuple[Delivery, ...]]:
        """What the pods that are connected to this replica have said, by pod (``namespace/name``)."""
        found: dict[str, tuple[Delivery, ...]] = {}
        for one in self._server.connected():
            if isinstance(one.admission, Admission):
                found[one.admission.client] = (
                    *found.get(one.admission.client, ()),
                    *self._said(one),
                )
        self._forget()
        return found

    def _said(self, connected: Connected) -> Iterable[Delivery]:
        status = connected.stream.types.get(EXTENSION)
        if status is None:
            return
        refusal = status.last_refusal
        for name in status.names or ():
            running = status.running.get(name)
            refused = None if refusal is None else refusal.versions.get(name)
            yield Delivery(
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
    """The bytes of the resource ``name``: one piece that all gateways have together, with the configuration's text merged into it."""
    own = _WASM(
        config={"configuration": {"value": _STRING(value=configuration.decode()).SerializeToString()}}
    )
    wasm = field(_ANY, "value", (module.wasm, own.SerializeToString()))
    typed = field(_EXTENSION, "typed_config", (_ANY(type_url=WASM).SerializeToString(), *wasm))
    whole = field(_ANY, "value", (_EXTENSION(name=name).SerializeToString(), *typed))
    return (_ANY(type_url=EXTENSION).SerializeToString(), *whole)


def content_of(module: Module | _Carried, configuration: bytes) -> Content:
    """What a filter runs that has this module and this configuration."""
    return Content(module.sha256, hashlib.blake2b(configuration, digest_size=8).hexdigest())


def pod_states(
    pods: GatewayPods, gateway: Key, replicas: Iterable[Mapping[str, tuple[Delivery, ...]]]
) -> tuple[PodState, ...]:
    """Return what is known of each pod of a gateway, from what pods have said to each of ``replicas``.

    Where a pod is connected to several, what it has asked for last counts: the other connection is one that is gone.
    """
    replicas = tuple(replicas)
    states: list[PodState] = []
    for pod in pods.of(gateway):
        last: dict[str, Delivery] = {}
        for said in replicas:
            for delivery in said.get(pod.name, ()):
                if delivery.filter not in last or last[delivery.filter].asked < delivery.asked:
                    last[delivery.filter] = delivery
        deliveries = tuple(last[name] for name in sorted(last))
        states.append(PodState(pod=pod.name, ready=pod.ready, deliveries=deliveries))
    return tuple(states)


def _same(former: tuple[_Served, ...] | None, now: tuple[_Served, ...]) -> bool:
    return (
        former is not None
        and len(former) == len(now)
        and all(a is b for a, b in zip(former, now, strict=True))
    )
