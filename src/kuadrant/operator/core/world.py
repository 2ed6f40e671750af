"""Takes what the operator knows of the cluster at one moment, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from msgspec import Struct, field

from kuadrant.api.limitador import Limitador
from kuadrant.api.objects import Objects
from kuadrant.api.service import Service
from kuadrant.gateways.delivery_mode import Token
from kuadrant.gateways.provider import SeenPod
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.incremental import kept, same_items
from kuadrant.kube.kind import Key
from kuadrant.operator.core import kinds, stored_gateway_api
from kuadrant.operator.core.kinds import StoredPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.api.meta import ObjectMeta
    from kuadrant.api.pod import Pod
    from kuadrant.kube.kind import Kind, StoredObject
    from kuadrant.kube.store import Change, Store

S = TypeVar("S")
T = TypeVar("T")


_FOREIGN: dict[str, Kind[Any]] = {
    **kinds.OF_PROVIDERS,
    **{kind.name: kind for kind in (kinds.GATEWAYS, kinds.SERVICE_MONITORS, kinds.POD_MONITORS)},
}
"""The kinds that others install, of which it matters whether the cluster has them, by name."""


class Standing(Struct, frozen=True, gc=False):
    """Tells how a policy stands.

    Attributes:
        problem: why the stored form is not accepted; empty if it is.
        generation: that of the form in effect; None if there is none.
        spec: the form in effect as JSON; empty if it is too large to keep.
        waits: the problem is only that it is not the turn of the stored form yet.
    """

    problem: str = ""
    generation: int | None = None
    spec: str = ""
    waits: bool = False


class World(Struct, frozen=True, kw_only=True):
    """Holds the objects to decide from, those that are there already, and what could not be read.

    Attributes:
        objects: the objects to decide from. They have no status but the addresses of Gateways.
        services: the Services.
        pods: the pods of each namespace.
        existing: the objects of providers that were made for a Gateway, as the API server has them, by
            Gateway.
        others: objects of the same kinds that are somebody else's.
        policies: the policies as they are stored. `AcceptedPolicies` adds those in effect to the objects.
        limitadors: the Limitador resources.
        unreadable: why the present form of a policy cannot even be decoded.
        unknown_gateways: why nothing is known of a Gateway that is there; not of one that had a form which
            could be read.
        standings: how each policy stands; `AcceptedPolicies` adds them.
        served: the names of the kinds that the cluster has, of those that others install.
    """

    objects: Objects
    services: Mapping[Key, Service] = field(default_factory=dict)
    pods: Mapping[str, tuple[SeenPod, ...]] = field(default_factory=dict)
    existing: Mapping[Key, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    others: tuple[dict[str, Any], ...] = ()
    policies: Mapping[Key, StoredPolicy] = field(default_factory=dict)
    limitadors: Mapping[Key, Limitador] = field(default_factory=dict)
    unreadable: Mapping[Key, str] = field(default_factory=dict)
    unknown_gateways: Mapping[Key, str] = field(default_factory=dict)
    standings: Mapping[Key, Standing] = field(default_factory=dict)
    served: frozenset[str] = frozenset(_FOREIGN)


class Observer:
    """Takes the world out of a store; what did not change stays the same instance."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed: set[Kind[Any]] = set(kinds.ALL)
        self._world = World(objects=Objects())
        self._seen_pods = _Converted(_seen_pod)
        self._objects: dict[Kind[Any], tuple[str, _Converted[Any, Any]]] = {
            kinds.GATEWAY_CLASSES: ("gateway_classes", _Converted(_as_it_is)),
            kinds.GATEWAYS: ("gateways", _Converted(stored_gateway_api.gateway)),
            kinds.HTTP_ROUTES: ("http_routes", _Converted(stored_gateway_api.http_route)),
            kinds.GRPC_ROUTES: ("grpc_routes", _Converted(stored_gateway_api.grpc_route)),
            kinds.NAMESPACES: ("namespaces", _Converted(_as_it_is)),
            kinds.KUADRANTS: ("kuadrants", _Converted(_as_it_is)),
            kinds.REQUEST_AUTHENTICATIONS: ("request_authentications", _Converted(_as_it_is)),
            kinds.SECURITY_POLICIES: ("security_policies", _Converted(_as_it_is)),
        }

    def take(self, changes: Iterable[Change[Any]]) -> bool:
        """Note what changed in the store; return whether it can matter."""
        changed = {change.kind for change in changes if _matters(change)}
        self._changed |= changed
        return bool(changed)

    def world(self) -> World:
        """Return what there is now, policies as they are stored."""
        changed, self._changed = self._changed, set()
        former = self._world
        table = self._store.table(kinds.POLICIES)
        has_policies = kinds.POLICIES in changed
        of_providers = changed.intersection(kinds.OF_PROVIDERS.values())
        existing, others = self._of_providers(former) if of_providers else (former.existing, former.others)
        self._world = msgspec.structs.replace(
            former,
            objects=self._all_objects(changed),
            services=self._entries(kinds.SERVICES) if kinds.SERVICES in changed else former.services,
            pods=self._pods(former.pods) if kinds.PODS in changed else former.pods,
            existing=existing,
            others=others,
            policies=self._entries(kinds.POLICIES) if has_policies else former.policies,
            limitadors=self._entries(kinds.LIMITADORS) if kinds.LIMITADORS in changed else former.limitadors,
            unreadable=(
                {key: bad.problem for key, bad in table.unreadable.items()}
                if has_policies
                else former.unreadable
            ),
            unknown_gateways=(
                self._unknown_gateways() if kinds.GATEWAYS in changed else former.unknown_gateways
            ),
            # A kind whose definition has come or gone may have no object that changed.
            served=self._served(former),
        )
        return self._world

    def _served(self, former: World) -> frozenset[str]:
        served = (name for name, kind in _FOREIGN.items() if self._store.table(kind).is_served)
        return kept(former.served, frozenset(served))

    def _all_objects(self, changed: set[Kind[Any]]) -> Objects:
        former = self._world.objects
        values: dict[str, Any] = {}
        for kind, (name, converted) in self._objects.items():
            if kind in changed:
                before = getattr(former, name)
                now = same_items(before, converted.take(self._store.table(kind).entries))
                if now is not before:
                    values[name] = now
        return msgspec.structs.replace(former, **values) if values else former

    def _unknown_gateways(self) -> dict[Key, str]:
        table = self._store.table(kinds.GATEWAYS)
        undecoded = {key: bad.problem for key, bad in table.unreadable.items() if key not in table.entries}
        return undecoded | self._objects[kinds.GATEWAYS][1].problems

    def _entries(self, kind: Kind[T]) -> dict[Key, T]:
        return {key: entry.object for key, entry in self._store.table(kind).entries.items()}

    def _pods(self, former: Mapping[str, tuple[SeenPod, ...]]) -> Mapping[str, tuple[SeenPod, ...]]:
        pods: dict[str, list[SeenPod]] = {}
        entries = self._store.table(kinds.PODS).entries
        for (namespace, _), pod in zip(sorted(entries), self._seen_pods.take(entries), strict=True):
            pods.setdefault(namespace, []).append(pod)
        return {namespace: kept(former.get(namespace), tuple(seen)) for namespace, seen in pods.items()}

    def _of_providers(
        self, former: World
    ) -> tuple[Mapping[Key, tuple[dict[str, Any], ...]], tuple[dict[str, Any], ...]]:
        """Return the objects of providers: those that were made for each Gateway, and those of others."""
        existing: dict[Key, list[dict[str, Any]]] = {}
        others: list[dict[str, Any]] = []
        for provider in PROVIDERS:
            for kind in provider.KINDS:
                for (namespace, _), entry in self._store.table(kinds.OF_PROVIDERS[kind.name]).entries.items():
                    name = provider.owner(entry.object)
                    (others if name is None else existing.setdefault((namespace, name), [])).append(
                        entry.object
                    )
        return {
            key: same_items(former.existing.get(key, ()), tuple(documents))
            for key, documents in existing.items()
        }, same_items(former.others, tuple(others))


class _Converted(Generic[S, T]):
    """Converts the objects of one kind to the form that decisions are made from, each once.

    ``problems`` tells why some cannot be converted that never could.
    """

    def __init__(self, convert: Callable[[S], T]) -> None:
        self._convert = convert
        self._results: dict[Key, tuple[S, T]] = {}
        self.problems: dict[Key, str] = {}

    def take(self, entries: Mapping[Key, StoredObject[S]]) -> tuple[T, ...]:
        """Return the converted objects by namespace and name.

        One that cannot be converted stays in its last good form, if it had any.
        """
        results: dict[Key, tuple[S, T]] = {}
        self.problems = {}
        for key, entry in sorted(entries.items()):
            former = self._results.get(key)
            if former is not None and former[0] is entry.object:
                results[key] = former
                continue
            try:
                converted = kept(None if former is None else former[1], self._convert(entry.object))
            except msgspec.ValidationError as error:
                if former is None:
                    self.problems[key] = str(error)
                else:
                    results[key] = (entry.object, former[1])
            else:
                results[key] = (entry.object, converted)
        self._results = results
        return tuple(converted for _, converted in results.values())


def _as_it_is(stored: T) -> T:
    return stored


def _seen_pod(pod: Pod) -> SeenPod:
    tokens = frozenset(Token(file, audience) for file, audience in pod.tokens)
    return SeenPod(pod.metadata.labels, tokens)


def _matters(change: Change[Any]) -> bool:
    """Tell whether a change can matter: pods change their status all the time."""
    if change.kind is not kinds.PODS or change.old is None or change.new is None:
        return True
    old: ObjectMeta = change.old.object.metadata
    new: ObjectMeta = change.new.object.metadata
    return old.labels != new.labels
