"""Leader election by a Lease of coordination.k8s.io, without a socket and without a clock.

There are never two leaders, if clocks run equally fast (they need not show the same time):

* Who leads wrote the Lease, and leads until ``deadline`` after it *began* that write. Then it has either
  begun and finished another one or leads no more, whatever it hears later.
* Everyone else waits until the Lease stayed as it is for ``duration`` after they *saw* it, by their own
  clock. The times that are written in a Lease are never compared with any clock.
* Every write names the version that it replaces, so of two writers one is refused.
"""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from kuadrant.kube.api_answers import ERRORS, read_status
from kuadrant.kube.kind import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

DURATION = 15.0
DEADLINE = 10.0
INTERVAL = 2.0
RETRY = 0.5
_REQUEST_TIMEOUT = 3.0


class Timing(Struct, frozen=True, kw_only=True):
    """The times of an election, in seconds.

    After ``duration`` a Lease that was not renewed is free; it is a whole number. A leader that could not
    renew gives up after ``deadline``, which is less. ``interval`` is between two looks at, or two renewals
    of, a Lease, and ``retry`` until a leader asks again after a request failed.
    """

    duration: float = DURATION
    deadline: float = DEADLINE
    interval: float = INTERVAL
    retry: float = RETRY
    request: float = _REQUEST_TIMEOUT

    @classmethod
    def of(cls, seconds: int) -> Timing:
        """The times that go with a duration: in the proportions of the default ones."""
        share = seconds / DURATION
        return cls(
            duration=float(seconds),
            deadline=DEADLINE * share,
            interval=INTERVAL * share,
            retry=RETRY * share,
            request=min(_REQUEST_TIMEOUT, _REQUEST_TIMEOUT * share),
        )


class _Metadata(Struct, rename="camel", frozen=True):
    resource_version: str = ""


class _Spec(Struct, rename="camel", frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(Struct, frozen=True):
    """A Lease as the API server gives it; only what matters here is read."""

    metadata: _Metadata
    spec: _Spec = _Spec()


LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease", Lease)

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Lease).decode


class Request(Struct, frozen=True):
    """A request to make now; its outcome goes to ``receive``."""

    method: str
    path: str
    body: bytes | None = None


class Wait(Struct, frozen=True):
    """Nothing is to be done before ``until``."""

    until: float


class Elector:
    """One candidate for the Lease ``key``; ``identity`` is its own alone, also across restarts."""

    def __init__(
        self,
        key: Key,
        identity: str,
        random: Callable[[], float] = random_module.random,
        *,
        timing: Timing | None = None,
    ) -> None:
        self._key = key
        self._identity = identity
        self._timing = timing or Timing()
        self._random = random
        self._seen: Lease | None = None
        self._missing = False
        self._must_read = True
        self._seen_at = 0.0
        self._leads_until = 0.0
        self._next_at = 0.0
        self._pending: Request | None = None
        self._began_at = 0.0
        self._released = False
        self.problem: str | None = None
        """Why the last request did not do what it was for."""

    @property
    def holder(self) -> str:
        """The holder of the Lease as far as is known; empty for nobody."""
        return (self._seen.spec.holder_identity or "") if self._seen else ""

    def leads(self, now: float) -> bool:
        """Tell whether this candidate is the leader now.

        Ask immediately before everything that only a leader may do.
        """
        return now < self._leads_until

    @property
    def leads_until(self) -> float:
        """The end of leadership if no renewal succeeds before."""
        return self._leads_until

    def next(self, now: float, wall: str) -> Request | Wait:
        """Return what to do next.

        ``wall`` is the present time as RFC 3339 text, which is written into the Lease for people.
        """
        if self._released or now < self._next_at:
            return Wait(float("inf") if self._released else self._next_at)
        self._began_at = now
        self._pending = self._request(now, wall)
        return self._pending

    def receive(self, code: int, body: bytes, now: float) -> None:
        """The answer to the last request; ``code`` 0 stands for none, ``body`` then tells why."""
        request, self._pending = self._pending, None
        assert request is not None
        # Not in step with the others, so that they do not all meet at the server.
        self._next_at = now + self._timing.interval * (0.8 + 0.4 * self._random())
        if self._released:
            return
        self._must_read = False
        if code in {200, 201}:
            self._take(request, body, now)
        elif code == 404 and request.method == "GET":
            self._seen, self._missing = None, True
            self._next_at = now
        else:
            # Whether a write without an answer happened is not known, and a refused one means that others
            # write: look first.
            self._must_read = True
            self.problem = f"{request.method} {request.path}: {code or ''} {_text(code, body)}"
            if code in {404, 409}:
                self.problem = None
                self._next_at = now
            elif self.leads(now):
                self._next_at = now + self._timing.retry

    def release(self, wall: str) -> Request | None:
        """Give up for good: leadership ends now.

        The request that frees the Lease for others is to be made if it is given.
        """
        led, self._leads_until = self._leads_until > 0, 0.0
        self._released = True
        if not led or self._seen is None or self.holder != self._identity:
            return None
        return Request("PUT", LEASES.path(self._key), self._body("", 1, wall))

    def _request(self, now: float, wall: str) -> Request:
        path = LEASES.path(self._key)
        if self._must_read:
            return Request("GET", path)
        if self._missing:
            self._missing = False
            return Request(
                "POST",
                LEASES.collection(self._key[0]),
                self._body(self._identity, self._timing.duration, wall),
            )
        if self._seen and (self.holder == self._identity or self._is_free(now)):
            return Request("PUT", path, self._body(self._identity, self._timing.duration, wall))
        return Request("GET", path)

    def _is_free(self, now: float) -> bool:
        return not self.holder or now >= self._free_at()

    def _free_at(self) -> float:
        """Return when the Lease is free if it stays as it was seen."""
        assert self._seen is not None
        return self._seen_at + max(self._timing.duration, self._seen.spec.lease_duration_seconds or 0)

    def _take(self, request: Request, body: bytes, now: float) -> None:
        try:
            lease = _decode(body)
        except ERRORS as error:
            self._must_read = True
            self.problem = f"{request.path}: what came is no Lease ({error})"
            return
        self.problem = None
        if self._seen is None or lease.metadata.resource_version != self._seen.metadata.resource_version:
            self._seen_at = now
        self._seen = lease
        if request.method != "GET":
            self._leads_until = self._began_at + self._timing.deadline
        elif self.holder != self._identity:
            self._leads_until = 0.0
            self._next_at = now if self._is_free(now) else min(self._next_at, self._free_at())
        else:
            # A write of ours happened though its answer was lost; when is not known, so it counts for
            # nothing.
            self._next_at = now

    def _body(self, holder: str, duration: float, wall: str) -> bytes:
        namespace, name = self._key
        spec = self._seen.spec if self._seen else _Spec()
        same = spec.holder_identity == holder
        metadata: dict[str, Any] = {"name": name, "namespace": namespace}
        if self._seen is not None:
            metadata["resourceVersion"] = self._seen.metadata.resource_version
        return _encode(
            {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.name,
                "metadata": metadata,
                "spec": {
                    "holderIdentity": holder,
                    "leaseDurationSeconds": int(duration),
                    "acquireTime": (spec.acquire_time if same else None) or wall,
                    "renewTime": wall,
                    "leaseTransitions": (spec.lease_transitions or 0) + (not same and bool(holder)),
                },
            }
        )


def _text(code: int, body: bytes) -> str:
    return read_status(code, body).message if code else body.decode(errors="replace")
