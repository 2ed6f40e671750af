"""Kubernetes Events (``events.k8s.io/v1``) of which repeats are few.

What happens again is counted, not told again.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from kuadrant import log
from kuadrant.kube.api_answers import read_status
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.kind import Key, Kind

if TYPE_CHECKING:
    import httpx2

logger = log.get("kube")

SERIES_ENDS = 360.0
"""Seconds without a repeat after which the same is told anew."""
FORGOTTEN = 1800.0
"""Seconds after which a repeat is told in any case: the API server drops Events that are an hour old."""
BURST = 20
"""How many different Events one object may have at once."""
REFILL = 60.0
"""Seconds after which it may have one more."""
_NOTE_LIMIT = 1024

EVENTS: Kind[dict[str, Any]] = Kind("events.k8s.io", "v1", "events", "Event", dict)
_encode = msgspec.json.Encoder(order="deterministic").encode


class Regarding(Struct, frozen=True):
    """The object that an Event is about."""

    kind: Kind[Any]
    key: Key
    uid: str


class Event(Struct, frozen=True):
    """Something that happened, in the API's words.

    ``reason`` why, ``action`` what was done about it, both in UpperCamelCase.
    """

    regarding: Regarding
    type: Literal["Normal", "Warning"]
    reason: str
    action: str
    note: str


class Request(Struct, frozen=True):
    """A request that tells of an Event, or counts it."""

    method: Literal["POST", "PATCH"]
    path: str
    content_type: str
    body: bytes


class _Series:
    def __init__(self, path: str, now: float) -> None:
        self.path = path
        self.count = 1
        self.last_at = self.told_at = now


class Aggregator:
    """Decides what is worth a request.

    The first time it is; of repeats the 2nd, 4th, 8th and so on, and one each half hour. Objects about which
    too many different things are said are kept quiet for a while.
    """

    def __init__(self, controller: str, instance: str) -> None:
        self._controller = controller
        self._instance = instance
        self._series: dict[Event, _Series] = {}
        self._budgets: dict[str, tuple[float, float]] = {}
        self._swept_at = 0.0

    def record(self, event: Event, now: float, wall: str) -> Request | None:
        """Take an Event; returns the request that tells of it, if one is due.

        ``wall`` is the present time as RFC 3339 text.
        """
        self._sweep(now)
        series = self._series.get(event)
        if series is not None and now - series.last_at < SERIES_ENDS:
            series.count += 1
            series.last_at = now
            if series.count & (series.count - 1) and now - series.told_at < FORGOTTEN:
                return None
            series.told_at = now
            body = {"series": {"count": series.count, "lastObservedTime": wall}}
            return Request("PATCH", series.path, "application/merge-patch+json", _encode(body))
        if not self._may_speak(event.regarding.uid, now):
            return None
        name = f"{event.regarding.key[1][:200].rstrip('-.')}.{uuid.uuid4().hex[:16]}"
        # Events of objects without a namespace are kept in "default".
        namespace = event.regarding.key[0] or "default"
        self._series[event] = series = _Series(EVENTS.path((namespace, name)), now)
        return Request(
            "POST", EVENTS.collection(namespace), "application/json", self._body(event, namespace, name, wall)
        )

    def _may_speak(self, uid: str, now: float) -> bool:
        left, at = self._budgets.get(uid, (float(BURST), now))
        left = min(float(BURST), left + (now - at) / REFILL)
        self._budgets[uid] = (left - 1 if left >= 1 else left, now)
        return left >= 1

    def _sweep(self, now: float) -> None:
        if now - self._swept_at < SERIES_ENDS:
            return
        self._swept_at = now
        self._series = {
            event: series for event, series in self._series.items() if now - series.last_at < SERIES_ENDS
        }
        full = BURST * REFILL
        self._budgets = {uid: (left, at) for uid, (left, at) in self._budgets.items() if now - at < full}

    def _body(self, event: Event, namespace: str, name: str, wall: str) -> bytes:
        regarding = event.regarding
        reference = {
            "apiVersion": regarding.kind.api_version,
            "kind": regarding.kind.name,
            "name": regarding.key[1],
            "uid": regarding.uid,
        }
        if regarding.key[0]:
            reference["namespace"] = regarding.key[0]
        return _encode(
            {
                "apiVersion": EVENTS.api_version,
                "kind": EVENTS.name,
                "metadata": {"name": name, "namespace": namespace},
                "eventTime": wall,
                "type": event.type,
                "reason": event.reason,
                "action": event.action,
                # The limit counts bytes.
                "note": event.note.encode()[:_NOTE_LIMIT].decode(errors="ignore"),
                "regarding": reference,
                "reportingController": self._controller,
                "reportingInstance": self._instance[:128],
            }
        )


class Recorder:
    """Sends Events. One that cannot be sent is logged and lost: nothing may wait for it."""

    def __init__(self, controller: str, instance: str, client: httpx2.AsyncClient) -> None:
        self._aggregator = Aggregator(controller, instance)
        self._client = client

    async def record(self, event: Event, now: float) -> None:
        """Tell of an Event that happened at ``now``, seconds of a clock that does not go back."""
        wall = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        request = self._aggregator.record(event, now, wall)
        if request is None:
            return
        try:
            response = await self._client.request(
                request.method,
                request.path,
                content=request.body,
                headers={"content-type": request.content_type},
            )
        except FAILURES as error:
            problem = describe(error)
        else:
            if response.status_code in {200, 201}:
                return
            problem = read_status(response.status_code, response.content).message
        logger.warning(
            "an Event could not be recorded", reason=event.reason, note=event.note, problem=problem
        )
