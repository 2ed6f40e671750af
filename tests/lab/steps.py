"""What becomes of an edit on its way to requests, and when.

Seen from outside, in the objects that each step leaves.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.api.limit_packing import limits_of
from kuadrant.api.limitador import Limitador
from kuadrant.dialects import unpacked
from kuadrant.kube.kind import Kind
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store

if TYPE_CHECKING:
    import httpx2

    from kuadrant.kube.kind import StoredObject

_LIMITADORS: Kind[Any] = Kind("limitador.kuadrant.io", "v1alpha1", "limitadors", "Limitador", Limitador)
_TOLD: tuple[Kind[Any], ...] = (
    Kind("extensions.istio.io", "v1alpha1", "wasmplugins", "WasmPlugin", dict),
    Kind("gateway.envoyproxy.io", "v1alpha1", "envoyextensionpolicies", "EnvoyExtensionPolicy", dict),
)
STEPS = ("edited", "written", "held", "told", "met")
"""The API server has taken the edit; the limit is in the Limitador; the service says that it holds it.

Then it is in the gateway's object, where there is one, and requests meet it.
"""


class Steps:
    """When each step of the limits that are ``followed`` was seen, by name, in seconds since the edit."""

    def __init__(self, api: httpx2.AsyncClient) -> None:
        self._store = Store()
        for kind in (_LIMITADORS, *_TOLD):
            self._store.add(kind)
        self._followers = [Follower(kind, self._store, api) for kind in (_LIMITADORS, *_TOLD)]
        self._store.listen(lambda changes: self._look(one.new for one in changes))
        self._began: dict[str, float] = {}
        self._generation: dict[str, int] = {}
        self.followed: dict[str, dict[str, float]] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        await asyncio.gather(*(one.run() for one in self._followers))

    def begin(self, name: str, began: float) -> None:
        """Follow the limit of that name."""
        self._began[name], self.followed[name] = began, {}

    def note(self, name: str, step: str) -> None:
        """A step is done, if it was not before; nothing more is looked for after the last."""
        if name in self._began:
            self.followed[name].setdefault(step, round(time.monotonic() - self._began[name], 3))
        if step == STEPS[-1]:
            self._began.pop(name, None)
            self._generation.pop(name, None)

    def _look(self, entries: Any) -> None:
        for entry in entries:
            if entry is not None and self._began:
                (self._look_at_limits if isinstance(entry.object, Limitador) else self._look_at_object)(entry)

    def _look_at_limits(self, entry: StoredObject[Limitador]) -> None:
        resource = entry.object
        there = {text for one in limits_of(resource.spec).limits for text in one.conditions}
        for name in self._began:
            if name not in self._generation and any(f'"limit.{name}__' in text for text in there):
                self._generation[name] = resource.metadata.generation
                self.note(name, "written")
            if (
                self._generation.get(name, resource.status.observed_generation + 1)
                <= resource.status.observed_generation
            ):
                self.note(name, "held")

    def _look_at_object(self, entry: StoredObject[dict[str, Any]]) -> None:
        spec = entry.object["spec"]
        configurations = [spec.get("pluginConfig"), *(one.get("config") for one in spec.get("wasm", ()))]
        text = b"".join(unpacked(msgspec.json.encode(one)) for one in configurations if one)
        for name in list(self._began):
            if f"limit.{name}__".encode() in text:
                self.note(name, "told")


def summary(followed: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What each step took after the one before.

    The median and the ninth tenth; and the steps of the slowest.
    """
    met = sorted((one for one in followed.values() if STEPS[-1] in one), key=lambda one: one[STEPS[-1]])
    took: dict[str, list[float]] = {}
    for one in met:
        before = 0.0
        for step in STEPS:
            if step in one:
                took.setdefault(step, []).append(one[step] - before)
                before = one[step]
    tenths = {
        step: [round(sorted(times)[len(times) * n // 10], 2) for n in (5, 9)] for step, times in took.items()
    }
    return {"steps": tenths, "slowest": met[-5:]}
