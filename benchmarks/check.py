"""How long `kuadrant check` takes for a folder of many policies, and which part of it takes what.

    .venv/bin/python -m benchmarks.check [--policies 1000] [--rounds 5]

Each policy has a route of its own with two rules, two limits, three expressions that no other policy has.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kuadrant.findings import findings
from kuadrant.standalone import folder_files
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
    """The seconds of processor that each part takes.

    What is kept of expressions from one time to the next is far less than what a folder has.
    """
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


def whole(folder: Path) -> tuple[float, float]:
    """Seconds of the command from its start to its end, and of a Python that does nothing."""
    took = []
    for command in (["-m", "kuadrant", "check", str(folder)], ["-c", "pass"]):
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return took[0], took[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "gateway.yaml").write_text(GATEWAY)
        for n in range(options.policies):
            (folder / f"p{n}.yaml").write_text(POLICY.format(n=n))
        parts = [stages(folder) for _ in range(options.rounds)]
        for part in parts[0]:
            print(f"{part:10} {min(one[part] for one in parts):6.2f} s of processor")
        runs = [whole(folder) for _ in range(options.rounds)]
        print(f"{'command':10} {min(run for run, _ in runs):6.2f} s")
        print(f"{'python':10} {min(nothing for _, nothing in runs):6.2f} s")


if __name__ == "__main__":
    main()
