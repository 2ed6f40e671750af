"""How long `kuadrant check` and `kuadrant explain` take for a folder of many policies, and which part what.

    .venv/bin/python -m benchmarks.check [--policies 1000] [--rounds 5]

Each policy has a route of its own with two rules, two limits, three expressions that no other policy has.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from kuadrant.explanation import ClientRequest
from kuadrant.findings import findings
from kuadrant.standalone import folder_files
from kuadrant.standalone.loading import load
from kuadrant.standalone.plan import compile_folder, read
from kuadrant.standalone.translate import surroundings
from kuadrant.wasm.catalogue import current

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{port: 80}]}
"""
POLICY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: r{n}
spec:
  parentRefs:
  - name: gw
  hostnames:
  - h{n}.example.com
  rules:
  - matches:
    - path: {{type: PathPrefix, value: /toys}}
      method: GET
    backendRefs:
    - name: app
      port: 80
  - matches:
    - path: {{type: Exact, value: /other{n}}}
    backendRefs:
    - name: app
      port: 80
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata:
  name: p{n}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r{n}}}
  limits:
    per-user:
      rates:
      - limit: 5
        window: 10s
      - limit: 50
        window: 1h
      when:
      - predicate: "'x-user{n}' in request.headers"
      - predicate: request.method == 'GET' && request.url_path.startsWith('/toys/{n}')
      counters:
      - expression: request.headers['x-user{n}']
    all:
      rates:
      - limit: 1000
        window: 1m
"""


def stages(folder: Path) -> dict[str, float]:
    """The seconds of processor that each part takes."""
    made_for = surroundings(current(None))
    times = [time.process_time()]
    documents = read(folder_files.read(folder))
    times.append(time.process_time())
    compilation = compile_folder(documents, made_for)
    times.append(time.process_time())
    found = findings(documents, compilation)
    times.append(time.process_time())
    assert found == (), found[:3]
    names = ("reading", "compiling", "findings")
    return {name: after - before for name, before, after in zip(names, times, times[1:], strict=False)}


def explaining(folder: Path, policies: int) -> dict[str, float]:
    """The seconds of processor that a folder takes to be loaded, and one request to be explained."""
    times = [time.process_time()]
    loaded = load(folder)
    times.append(time.process_time())
    n = policies // 2
    record = loaded.explain(
        ClientRequest(url=f"http://h{n}.example.com/toys/{n}", headers=((f"x-user{n}", "alice"),)), times=6
    )
    times.append(time.process_time())
    assert record.explanation.limited_by == ("per-user",), record.explanation
    return {"loading": times[1] - times[0], "explaining": times[2] - times[1]}


def whole(folder: Path) -> dict[str, float]:
    """Seconds of processor of whole commands, and of a Python that does nothing."""
    commands = {
        "check": ["-m", "kuadrant", "check", str(folder)],
        "explain": ["-m", "kuadrant", "explain", str(folder), "http://h1.example.com/toys"],
        "python": ["-c", "pass"],
    }
    return {name: _processor(command) for name, command in commands.items()}


def _processor(command: list[str]) -> float:
    before = os.times()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    new_processes = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "gateway.yaml").write_text(GATEWAY)
        for n in range(options.policies):
            (folder / f"p{n}.yaml").write_text(POLICY.format(n=n))
        for what in (stages, partial(explaining, policies=options.policies), whole):
            # Each in a process of its own: what one has found out is not to be there for the next.
            with new_processes.Pool(1, maxtasksperchild=1) as processes:
                rounds = [processes.apply(what, (folder,)) for _ in range(options.rounds)]
            for part in rounds[0]:
                print(f"{part:10} {min(one[part] for one in rounds):6.3f} s of processor")


if __name__ == "__main__":
    main()
