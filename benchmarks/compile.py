"""What compiling costs: all gateways from nothing, and again after one policy was edited.

    .venv/bin/python benchmarks/compile.py [--sizes 500 1000 5000] [--gateways 1 10] [--edits 20]

Each route has a host name, two rules with three matches, and a policy of its own whose predicate no other
policy has (the worst case: what is alike is checked once). Every case runs in a process of its own; times are
CPU milliseconds, and the median of the edits is shown. The peers are Python's json, which reads and writes
the same objects once, and compiling everything for one edit.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.api.kinds import KINDS
from kuadrant.api.objects import Objects
from kuadrant.compiler import Compiler
from kuadrant.dialects import Service
from kuadrant.dialects.own.configuration import Renderer

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.meta import Object
    from kuadrant.compiler import Compilation

GATEWAY_API = "gateway.networking.k8s.io/v1"


def document(version: str, kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def gateway(number: int) -> dict[str, Any]:
    listener = {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    spec = {"gatewayClassName": "istio", "listeners": [listener]}
    return document(GATEWAY_API, "Gateway", "gateways", f"gateway-{number}", spec)


def route(number: int, gateways: int) -> dict[str, Any]:
    backends = [{"name": "toys", "port": 80}]
    spec = {
        "parentRefs": [{"name": f"gateway-{number % gateways}", "namespace": "gateways"}],
        "hostnames": [f"app-{number}.example.com"],
        "rules": [
            {
                "matches": [
                    {"path": {"type": "PathPrefix", "value": "/toys"}, "method": "GET"},
                    {"path": {"type": "Exact", "value": "/cars"}},
                ],
                "backendRefs": backends,
            },
            {"matches": [{"path": {"type": "PathPrefix", "value": "/assets"}}], "backendRefs": backends},
        ],
    }
    return document(GATEWAY_API, "HTTPRoute", f"team-{number % 50}", f"route-{number}", spec)


def policy(number: int, tenant: str) -> dict[str, Any]:
    limit = {
        "rates": [{"limit": 5, "window": "10s"}],
        "when": [{"predicate": f"request.headers['x-tenant'] == '{tenant}'"}],
        "counters": [{"expression": "request.headers['x-user']"}],
    }
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": f"route-{number}"}
    spec = {"targetRef": target, "limits": {"requests": limit}}
    return document("kuadrant.io/v1", "RateLimitPolicy", f"team-{number % 50}", f"policy-{number}", spec)


def read(one: dict[str, Any]) -> Object:
    return msgspec.convert(
        {name: one[name] for name in ("metadata", "spec")}, KINDS[one["apiVersion"], one["kind"]]
    )


def milliseconds(function: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = function()
    return (time.process_time() - began) * 1000, result


def measure(size: int, gateways: int, edits: int) -> dict[str, float]:
    documents = [
        *map(gateway, range(gateways)),
        *(route(number, gateways) for number in range(size)),
        *(policy(number, f"tenant-{number}") for number in range(size)),
    ]
    peer, _ = milliseconds(lambda: json.loads(json.dumps(documents)))
    objects = Objects.of(map(read, documents))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    compiler, renderer = Compiler(), Renderer(Service("ratelimit"))

    def render(compilation: Compilation) -> None:
        for program in compilation.programs:
            for listener in program.listeners:
                renderer.render(listener.hosts)

    compiling, compilation = milliseconds(lambda: compiler.compile(objects))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    rendering, _ = milliseconds(lambda: render(compilation))
    compiled, rendered = [], []
    for number in range(edits):
        edited = read(policy(number, f"edited-{number}"))
        policies = tuple(
            edited if one.metadata.name == edited.metadata.name else one
            for one in objects.rate_limit_policies
        )
        objects = msgspec.structs.replace(objects, rate_limit_policies=policies)
        took, compilation = milliseconds(lambda: compiler.compile(objects))  # noqa: B023 - called at once
        compiled.append(took)
        rendered.append(milliseconds(lambda: render(compilation))[0])  # noqa: B023
    return {
        "json": peer,
        "compile": compiling,
        "render": rendering,
        "edit": statistics.median(compiled),
        "edit render": statistics.median(rendered),
        "MiB": memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[500, 1000, 5000])
    parser.add_argument("--gateways", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        size, gateways = given.one
        print(json.dumps(measure(size, gateways, given.edits)))
        return
    print(
        "| gateways | routes | compile ms | / json | edit ms | compile / edit | render ms | edit ms | MiB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for gateways in given.gateways:
        cases: dict[int, dict[str, float]] = {}
        for size in given.sizes:
            command = [
                sys.executable,
                __file__,
                "--edits",
                str(given.edits),
                "--one",
                str(size),
                str(gateways),
            ]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            cases[size] = one = json.loads(output)
            print(
                f"| {gateways} | {size:,} | {one['compile']:.0f} | {one['compile'] / one['json']:.1f} | "
                f"{one['edit']:.1f} | "
                f"{one['compile'] / one['edit']:.0f} | {one['render']:.0f} | {one['edit render']:.1f} | "
                f"{one['MiB']:.0f} |",
                flush=True,
            )
        least, most = min(cases), max(cases)
        growth = {name: cases[most][name] / cases[least][name] for name in ("compile", "edit", "render")}
        print(
            f"| {gateways} | {most / least:.0f} times as many | {growth['compile']:.1f} times | | "
            f"{growth['edit']:.1f} times | | "
            f"{growth['render']:.1f} times | | |"
        )


if __name__ == "__main__":
    main()
