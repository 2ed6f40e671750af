"""Counts fetches for Prometheus, and remembers them for a person who asks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import Metric

    from kuadrant.wasm.connection import Fetch
    from kuadrant.wasm.module import Module

PATH = "/fetches"

_REMEMBERED_MAX = 4096
# How the user agents of clients that are known begin; Envoy itself names none.
_CLIENTS = {
    "Go-http-client/": "gateway",  # Istio's agent in a gateway's pod, and Envoy Gateway's controller
    "kuadrant-operator": "operator",  # the proof before a module is published
    "go-containerregistry/": "registry",
    "skopeo/": "registry",
    "containers/": "registry",
    "containerd/": "registry",
}


class Record(Struct, frozen=True, kw_only=True):
    """Fetches of one peer that are alike: their module, their end, and how many seconds the last is ago."""

    peer: str
    client: str
    sha256: str
    version: str
    status: int
    count: int
    seconds: float


def client(user_agent: str) -> str:
    """Return the kind of client that names itself so."""
    if not user_agent:
        return "envoy"
    return next((kind for start, kind in _CLIENTS.items() if user_agent.startswith(start)), "other")


class Fetches(Collector):
    """Takes note of every answer of the module server; ``clock`` gives seconds that only grow."""

    def __init__(self, modules: Iterable[Module], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._versions: dict[str, str] = {}
        self.know(modules)
        self._answers: Counter[tuple[str, str, str]] = Counter()
        self._sent = 0
        self._given: dict[str, float] = {}
        self._peers: dict[tuple[str, str, str, int], tuple[int, float]] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def know(self, modules: Iterable[Module]) -> None:
        """Call modules by their versions from now on."""
        self._versions.update((module.sha256, module.version) for module in modules)

    def note(self, fetch: Fetch) -> None:
        """Count an answer; what was cut off counts with the status 499, as nginx has it."""
        now = self._clock()
        kind = client(fetch.user_agent)
        status = fetch.status if fetch.complete else 499
        sha256 = fetch.sha256 or ""
        self._answers[sha256, str(status), kind] += 1
        self._sent += fetch.sent
        if status in (200, 206) and fetch.sent:
            self._given[sha256] = now
        key = (fetch.peer, kind, sha256, status)
        count, _ = self._peers.pop(key, (0, now))
        self._peers[key] = (count + 1, now)  # at the end: the first is the one that was longest silent
        if len(self._peers) > _REMEMBERED_MAX:
            del self._peers[next(iter(self._peers))]

    def records(self) -> tuple[Record, ...]:
        """Return what is remembered, the latest first."""
        now = self._clock()
        return tuple(
            Record(
                peer=peer,
                client=kind,
                sha256=sha256,
                version=self._versions.get(sha256, ""),
                status=status,
                count=count,
                seconds=round(now - last, 3),
            )
            for (peer, kind, sha256, status), (count, last) in reversed(self._peers.items())
        )

    def metrics(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Everything, for a registry."""
        answers = CounterMetricFamily(
            "kuadrant_wasm_fetches",
            "Answers of the module server by module, status (499: the client went away) and kind of client.",
            labels=["sha256", "status", "client"],
        )
        for labels, count in sorted(self._answers.items()):
            answers.add_metric(labels, count)
        yield answers
        yield CounterMetricFamily(
            "kuadrant_wasm_sent_bytes", "Bytes of bodies that were sent.", value=self._sent
        )
        ages = GaugeMetricFamily(
            "kuadrant_wasm_seconds_since_last_fetch",
            "Seconds since bytes of a module were last given to anybody; absent as long as they never were.",
            labels=["sha256", "version"],
        )
        now = self._clock()
        for sha256, last in self._given.items():
            ages.add_metric([sha256, self._versions.get(sha256, "")], now - last)
        yield ages
