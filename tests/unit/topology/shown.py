"""The topology of policies in a world of a Gateway and a route."""

from __future__ import annotations

from kuadrant.standalone.folder_files import File
from kuadrant.standalone.loading import configured
from kuadrant.topology import Topology, topology
from kuadrant.wasm.catalogue import current
from tests.unit.explanation.asking import WORLD

LIMIT = """
per-user:
  rates: [{limit: 2, window: 10s}, {limit: 100, window: 1h}]
  when: [{predicate: "'x-user' in request.headers"}]
  counters: [{expression: "request.headers['x-user']"}]
"""


def shown(*policies: str, world: str = WORLD) -> Topology:
    return topology(configured([File("all.yaml", world + "".join(policies))], current(None), "deny"))
