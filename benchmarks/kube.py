"""Compare following HTTPRoutes with lightkube's list and watch.

Time, CPU time per object and event, and memory.

    .venv/bin/python benchmarks/kube.py [--objects N] [--rounds N]

A server on core 0 sends prepared bytes: N HTTPRoutes of about 4 KB each, as an API server gives them (with
managedFields), then a MODIFIED event for each. Clients run on core 1, each in a process of its own. Rounds
alternate, and the median of each figure is shown. lightkube gets the routes as generic resources (dicts), as
it would without structs of ours. A ratio above 1 is in our favour.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from kuadrant.api.http_route import HTTPRoute
from kuadrant.kube.kind import Kind
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store

SERVER_CORE, CLIENT_CORE = 0, 1
PAGE = 500
MODES = {"streaming list": "ours", "list in pages": "ours, paged", "lightkube": "lightkube"}
ROUTES: Kind[HTTPRoute] = Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", HTTPRoute)


def route(number: int, version: int) -> dict[str, Any]:
    """An HTTPRoute with three rules, a status and its managed fields."""
    fields: dict[str, Any] = {
        f"f:{name}": {".": {}, "f:matches": {}, "f:backendRefs": {}} for name in "abcdefghijklmnopqrst"
    }
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": f"/v{number % 7}/toys"}, "method": "GET"}],
        "backendRefs": [
            {"name": f"toys-{number % 50}", "port": 8080, "group": "", "kind": "Service", "weight": 1}
        ],
    }
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw", "namespace": "gateways"}
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "Route was valid",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    conditions = [condition, {**condition, "type": "ResolvedRefs", "message": "All references resolved"}]
    manager = {
        "manager": "kubectl",
        "operation": "Update",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": fields},
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": f"route-{number}",
            "namespace": f"namespace-{number % 100}",
            "uid": f"5f0c7d1e-0000-4000-8000-{number:012d}",
            "resourceVersion": str(version),
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "toystore", "team": f"team-{number % 20}"},
            "annotations": {"note": "x" * 200},
            "managedFields": [manager, {**manager, "manager": "controller", "subresource": "status"}],
        },
        "spec": {
            "parentRefs": [parent],
            "hostnames": [f"host-{number}.example.com"],
            "rules": [rule, rule, rule],
        },
        "status": {
            "parents": [{"parentRef": parent, "controllerName": "example.com/gw", "conditions": conditions}]
        },
    }


def lines(kind: str, count: int, first: int) -> bytes:
    """Watch events for all routes."""
    return b"".join(
        json.dumps({"type": kind, "object": route(n, first + n)}, separators=(",", ":")).encode() + b"\n"
        for n in range(count)
    )


async def serve(count: int, *, streams: bool) -> None:
    """Answer lists and watches with prepared bytes; prints the port."""
    end = {"resourceVersion": str(count), "annotations": {"k8s.io/initial-events-end": "true"}}
    bookmark = json.dumps({"type": "BOOKMARK", "object": {"metadata": end}}).encode() + b"\n"
    added, modified = lines("ADDED", count, 1) + bookmark, lines("MODIFIED", count, count + 1)
    pages = []
    for start in range(0, count, PAGE):
        more = {"continue": str(start // PAGE + 1)} if start + PAGE < count else {}
        items = [route(n, n + 1) for n in range(start, min(start + PAGE, count))]
        listed = {
            "kind": "HTTPRouteList",
            "metadata": {"resourceVersion": str(count), **more},
            "items": items,
        }
        pages.append(json.dumps(listed, separators=(",", ":")).encode())

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        wanted = parse_qs(urlsplit(target).query)
        head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
        if "sendInitialEvents" in wanted and not streams:
            writer.write(b"HTTP/1.1 422 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        elif "watch" in wanted:
            writer.write(head.encode() + (added if "sendInitialEvents" in wanted else b"") + modified)
            await writer.drain()
            await reader.read()
        else:
            writer.write(head.encode() + pages[int(wanted.get("continue", ["0"])[0])])
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], len(modified) // count, flush=True)
    await asyncio.Event().wait()


def resident() -> int:
    """Kilobytes of this process in memory."""
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


def cpu() -> float:
    """Seconds of CPU time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def ours(port: int, count: int) -> dict[str, float]:
    """List and follow with our own reflector and store."""
    store = Store()
    table = store.add(ROUTES)
    marks: list[tuple[float, float]] = []
    done = asyncio.Event()
    changed = 0

    def listen(changes: tuple[Any, ...]) -> None:
        nonlocal changed
        changed += len(changes)
        if not marks and table.synced:
            marks.append((time.perf_counter(), cpu()))
        if changed >= 2 * count:
            done.set()

    store.listen(listen)
    gc.collect()
    before, started = resident(), (time.perf_counter(), cpu())
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        task = asyncio.create_task(Follower(ROUTES, store, client).run())
        await done.wait()
        result = figures(started, marks[0], count, before)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(table.entries) == count
    return result


async def lightkube(port: int, count: int) -> dict[str, float]:
    """List and watch with lightkube, keeping every object in a dict."""
    from lightkube import AsyncClient, KubeConfig  # noqa: PLC0415 - ours shall not pay for its import
    from lightkube.config.models import User  # noqa: PLC0415
    from lightkube.generic_resource import create_namespaced_resource  # noqa: PLC0415

    resource_class = create_namespaced_resource("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
    config = KubeConfig.from_server(f"http://127.0.0.1:{port}").get()
    assert config is not None
    client = AsyncClient(config._replace(user=User()))
    kept: dict[tuple[str, str], Any] = {}
    gc.collect()
    before, started = resident(), (time.perf_counter(), cpu())
    listed = client.list(resource_class, namespace="*", chunk_size=PAGE)
    async for item in listed:
        kept[item["metadata"]["namespace"], item["metadata"]["name"]] = item
    mark = (time.perf_counter(), cpu())
    seen = 0
    async for _, item in client.watch(resource_class, namespace="*", resource_version=str(count)):
        kept[item["metadata"]["namespace"], item["metadata"]["name"]] = item
        seen += 1
        if seen == count:
            break
    assert len(kept) == count
    return figures(started, mark, count, before)


def figures(
    started: tuple[float, float], mark: tuple[float, float], count: int, before: int
) -> dict[str, float]:
    """What a run cost."""
    now = (time.perf_counter(), cpu())
    gc.collect()
    return {
        "list s": mark[0] - started[0],
        "list us cpu/object": (mark[1] - started[1]) / count * 1e6,
        "watch s": now[0] - mark[0],
        "watch us cpu/event": (now[1] - mark[1]) / count * 1e6,
        "MiB": (resident() - before) / 1024,
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def run_server(count: int, *, streams: bool) -> tuple[subprocess.Popen[str], int, int]:
    """Start the server; gives its process, its port and the bytes of an event."""
    command = [sys.executable, __file__, "--serve", str(int(streams)), "--objects", str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port, size = process.stdout.readline().split()
    return process, int(port), int(size)


def compare(count: int, rounds: int) -> None:
    """Run every mode in turn and print the medians."""
    servers = [run_server(count, streams=streams) for streams in (True, False)]
    try:
        results: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
        for _ in range(rounds):
            for mode in MODES:
                port = servers[mode != "streaming list"][1]
                command = [
                    sys.executable,
                    __file__,
                    "--client",
                    mode,
                    "--port",
                    str(port),
                    "--objects",
                    str(count),
                ]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                results[mode].append(json.loads(done.stdout))
    finally:
        for process, *_ in servers:
            process.kill()
            process.wait()
    medians = {
        mode: {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        for mode, runs in results.items()
    }
    names = list(medians["lightkube"])
    print(f"{count} HTTPRoutes of {servers[0][2]} bytes, then as many events; median of {rounds}")
    print(f"{'':16}" + "".join(f"{name:>26}" for name in names))
    for mode, row in medians.items():
        cells = (f"{row[name]:.2f} ({medians['lightkube'][name] / row[name]:.2f}x)" for name in names)
        print(f"{mode:16}" + "".join(f"{cell:>26}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        os.sched_setaffinity(0, {SERVER_CORE})
        asyncio.run(serve(arguments.objects, streams=bool(arguments.serve)))
    elif arguments.client is not None:
        os.sched_setaffinity(0, {CLIENT_CORE})
        run = lightkube if arguments.client == "lightkube" else ours
        print(json.dumps(asyncio.run(run(arguments.port, arguments.objects))))
    else:
        compare(arguments.objects, arguments.rounds)


if __name__ == "__main__":
    main()
