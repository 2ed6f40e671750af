"""One stream of the aggregated discovery service, state of the world, without a socket and without a clock.

Requests and snapshots go in, responses and refusals come out. The rules:

* Of each type at most one response is without its verdict (ACK or NACK). What changes meanwhile goes out
  after it, so a nonce always has one meaning and a slow Envoy gets the newest state instead of all that were.
* Clusters and listeners come whole, and what is missing in a response is gone. Other types come by name, and
  a response holds only what the client does not have; what is missing there stays as it was.
* A request that is no verdict asks anew for everything it names, also for what was sent before: a cluster or
  listener that changed warms until it gets its endpoints or routes again. Envoy sends each verdict once, so
  this cannot go round in circles.
* What was refused is not sent again until it changes. A verdict is on a whole response, so filters and routes
  are sent one by one. Endpoints are many, and each of Envoy's verdicts names all that it subscribed to, so
  they are sent together; only when that is refused they are sent again one by one. Filters must never be sent
  a second time: Envoy acknowledges a filter that is the same as the last one that it saw, even if it refused
  that.
* Clusters and endpoints come before what refers to them: filters, then listeners, then routes wait for the
  verdicts of the types before them. Endpoints wait for nothing: Envoy withholds its verdict on clusters until
  they are warm, and for that they need their endpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kuadrant.xds.snapshot import (
    CLUSTER,
    ENDPOINT,
    EXTENSION,
    LISTENER,
    ROUTE,
    Resource,
    Snapshot,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHOLE = frozenset({CLUSTER, LISTENER})
_SINGLE = frozenset({EXTENSION, ROUTE})
_ORDER = (CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE)

State = Literal["unasked", "waiting", "taken", "refused"]
"""How a client stands to the present content of a type.

It never asked for it, it has not got it or not judged it yet,
it acknowledged all of it, or it refused some of it."""


class Request(Struct, frozen=True):
    """A DiscoveryRequest. ``error`` is the text of its error detail, None if there is none."""

    type_url: str
    names: tuple[str, ...] = ()
    nonce: str = ""
    error: str | None = None
    node: str = ""


class Response(Struct, frozen=True):
    """A DiscoveryResponse.

    ``version`` is that of everything the client asked for, also where only some of it is sent.
    """

    type_url: str
    version: str
    nonce: str
    resources: tuple[Resource, ...]


class Refusal(Struct, frozen=True):
    """A NACK: ``versions`` of the resources (by name) of the response that Envoy refused with ``text``.

    ``at`` is in seconds.
    """

    node: str
    type_url: str
    version: str
    versions: dict[str, str]
    text: str
    at: float

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the refused resources, in the order in which they were sent."""
        return tuple(self.versions)


class Taken(Struct, frozen=True, gc=False):
    """The version of a resource that Envoy acknowledged last, and when, in seconds."""

    version: str
    at: float


class TypeStatus(Struct, frozen=True):
    """The state of one type on one stream. ``names`` is None for "all".

    Versions are empty before the first.

    ``refusal`` is the last one where the state is ``refused``, else None; ``last_refusal`` is the last one in
    any case. ``running`` are the resources that Envoy has acknowledged on this stream: what it refuses later
    leaves them in effect.
    """

    state: State
    names: tuple[str, ...] | None
    sent_version: str
    taken_version: str
    refusal: Refusal | None
    last_refusal: Refusal | None
    running: dict[str, Taken]


class StreamStatus(Struct, frozen=True):
    """The state of one stream.

    The node's id (empty before the first request), since when, and each type it asked for.
    """

    node: str
    since: float
    types: dict[str, TypeStatus]


class _Subscription:
    """Holds what one client asked for of a type, and what became of it; resources as name to version."""

    def __init__(self, type_url: str) -> None:
        self.type_url = type_url
        self.names: frozenset[str] | None = frozenset()
        self.held: dict[str, str] = {}
        self.told = False  # of a whole type: ``held`` is all that the client has
        self.refused: dict[str, str] = {}
        self.suspects: set[str] = set()
        self.outstanding: Response | None = None
        self.sent_version = ""
        self.taken_version = ""
        self.refusal: Refusal | None = None
        self.last_refusal: Refusal | None = None
        self.running: dict[str, Taken] = {}

    def subscribe(self, names: tuple[str, ...], *, first: bool) -> None:
        # No names mean all of a whole type, if none were ever given; else they mean nothing.
        everything = "*" in names or (self.type_url in _WHOLE and not names and (first or self.names is None))
        self.names = None if everything else frozenset(names)
        self.held = {name: version for name, version in self.held.items() if self._covers(name)}
        self.refused = {name: version for name, version in self.refused.items() if self._covers(name)}
        self.running = {name: taken for name, taken in self.running.items() if self._covers(name)}

    def _covers(self, name: str) -> bool:
        return self.names is None or name in self.names

    def forget(self) -> None:
        """The client asks anew: nothing is taken for held any more."""
        self.held.clear()
        self.told = False

    def view(self, snapshot: Snapshot) -> dict[str, Resource]:
        resources = snapshot.of_type(self.type_url)
        if self.names is None:
            return dict(resources)
        return {name: resources[name] for name in sorted(self.names) if name in resources}

    def due(self, view: dict[str, Resource]) -> tuple[Resource, ...] | None:
        """The resources to send next; None for "nothing to say", which an empty tuple is not."""
        if self.type_url in _WHOLE:
            if self.names is not None and not self.names:
                return None
            known = (self.told and _versions(view) == self.held) or self._refuses(view)
            return None if known else tuple(view.values())
        changed = tuple(
            resource
            for name, resource in view.items()
            if resource.version not in (self.held.get(name), self.refused.get(name))
        )
        if self.type_url in _SINGLE:
            return changed[:1] or None
        unsuspected = tuple(resource for resource in changed if resource.name not in self.suspects)
        return unsuspected or changed[:1] or None

    def _refuses(self, view: dict[str, Resource]) -> bool:
        if self.type_url in _WHOLE:
            return self.refusal is not None and _versions(view) == self.refused
        return any(self.refused.get(name) == resource.version for name, resource in view.items())

    def take(self, response: Response, now: float) -> None:
        if self.type_url in _WHOLE:
            self.held.clear()
            self.running.clear()
            self.refused.clear()
            self.told = True
        for resource in response.resources:
            self.held[resource.name] = resource.version
            self.running[resource.name] = Taken(resource.version, now)
            self.refused.pop(resource.name, None)
            self.suspects.discard(resource.name)
        if not self.refused:
            self.refusal = None
        self.taken_version = response.version

    def refuse(self, response: Response, refusal: Refusal) -> None:
        # Envoy may have applied a part, so nothing of it is known to be held, in its old version or its new
        # one.
        versions = _versions({resource.name: resource for resource in response.resources})
        if self.type_url in _WHOLE:
            self.forget()
            self.refused = versions
        else:
            for name in versions:
                self.held.pop(name, None)
            if len(versions) == 1:
                self.refused.update(versions)
            else:
                self.suspects.update(versions)
        self.refusal = self.last_refusal = refusal

    def state(self, snapshot: Snapshot) -> State:
        view = self.view(snapshot)
        if self.outstanding is not None or self.due(view) is not None:
            return "waiting"
        return "refused" if self._refuses(view) else "taken"


def _versions(resources: dict[str, Resource]) -> dict[str, str]:
    return {name: resource.version for name, resource in resources.items()}


class Stream:
    """The server's side of one stream.

    ``since`` is when it was opened, ``snapshot`` what its client ought to have.
    """

    def __init__(self, snapshot: Snapshot, since: float) -> None:
        self._snapshot = snapshot
        self._since = since
        self._node = ""
        self._nonce = 0
        self._subscriptions: dict[str, _Subscription] = {}

    def receive(self, request: Request, now: float) -> list[Response | Refusal]:
        """Take a request; what comes out is to be reported and sent, in this order."""
        self._node = self._node or request.node
        first = request.type_url not in self._subscriptions
        subscription = self._subscriptions.setdefault(request.type_url, _Subscription(request.type_url))
        outstanding = subscription.outstanding
        result: list[Response | Refusal] = []
        if outstanding is not None and request.nonce == outstanding.nonce:
            subscription.outstanding = None
            if request.error is None:
                subscription.take(outstanding, now)
            else:
                refusal = Refusal(
                    self._node,
                    request.type_url,
                    outstanding.version,
                    {resource.name: resource.version for resource in outstanding.resources},
                    request.error,
                    now,
                )
                subscription.refuse(outstanding, refusal)
                result.append(refusal)
        elif request.error is not None:
            # A verdict on something that has its verdict.
            return []
        else:
            subscription.forget()
        subscription.subscribe(request.names, first=first)
        return [*result, *self._send()]

    def set(self, snapshot: Snapshot) -> list[Response]:
        """From now on the client ought to have ``snapshot``; what comes out is to be sent, in this order."""
        self._snapshot = snapshot
        return list(self._send())

    def again(self, type_url: str) -> list[Response]:
        """The client lost or could not use what it has of a type: what comes out is to be sent."""
        subscription = self._subscriptions.get(type_url)
        if subscription is None or subscription.outstanding is not None:
            return []
        subscription.forget()
        subscription.refused.clear()
        subscription.refusal = None
        return list(self._send())

    def state(self, type_url: str) -> State:
        """Return how the client stands to what it asked for of a type."""
        subscription = self._subscriptions.get(type_url)
        return "unasked" if subscription is None else subscription.state(self._snapshot)

    def refusal(self, type_url: str) -> Refusal | None:
        """The last refusal of a type whose state is ``refused``, else None."""
        return self._subscriptions[type_url].refusal if self.state(type_url) == "refused" else None

    def status(self) -> StreamStatus:
        """All that is known of the client."""
        return StreamStatus(
            self._node,
            self._since,
            {
                type_url: TypeStatus(
                    subscription.state(self._snapshot),
                    None if subscription.names is None else tuple(sorted(subscription.names)),
                    subscription.sent_version,
                    subscription.taken_version,
                    self.refusal(type_url),
                    subscription.last_refusal,
                    dict(subscription.running),
                )
                for type_url, subscription in sorted(self._subscriptions.items())
            },
        )

    def _send(self) -> Iterator[Response]:
        for type_url in sorted(
            self._subscriptions, key=lambda url: _ORDER.index(url) if url in _ORDER else len(_ORDER)
        ):
            subscription = self._subscriptions[type_url]
            if subscription.outstanding is not None or self._has_to_wait(type_url):
                continue
            view = subscription.view(self._snapshot)
            resources = subscription.due(view)
            if resources is None:
                continue
            self._nonce += 1
            response = Response(type_url, version_of(view.values()), str(self._nonce), resources)
            subscription.outstanding = response
            subscription.sent_version = response.version
            yield response

    def _has_to_wait(self, type_url: str) -> bool:
        if type_url == ENDPOINT or type_url not in _ORDER:
            return False
        before = (self._subscriptions.get(earlier) for earlier in _ORDER[: _ORDER.index(type_url)])
        return any(earlier is not None and earlier.outstanding is not None for earlier in before)
