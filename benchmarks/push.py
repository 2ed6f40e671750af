"""What pushing to many gateways costs.

CPU and memory of the operator's push server, beside a bare gRPC server that writes the same.

    .venv/bin/python benchmarks/push.py [--streams N] [--seconds N]

N gateways with a pod each are connected by a stream each, from a process of its own. First an edit changes
one of them each second, then one that changes all of them each second. Each response has the whole module in
it. The peer is a gRPC server, with TLS too, without any protocol that writes as many bytes to as many streams
at the same times, and gets a message back for each. A ratio above 1 is what knowing who runs what costs.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import multiprocessing
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc  # type: ignore[import-untyped]

from kuadrant import log
from kuadrant.envoy_api import message
from kuadrant.gateways.delivery_mode import resource_name
from kuadrant.gateways.provider import GatewayObjects
from kuadrant.operator.core.decision import GatewayDecision
from kuadrant.operator.push.certificate import made
from kuadrant.operator.push.gateway_pods import GatewayPod, GatewayPods
from kuadrant.operator.push.server import Push
from kuadrant.wasm.catalogue import current
from kuadrant.xds import Certificate, Credentials
from kuadrant.xds.peer import nobody

STREAMS_OF_A_CHANNEL = 50
METHOD = "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs"


def resident() -> float:
    """MiB that this process holds in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Ours:
    """The operator's push server, given decisions."""

    name = "push server"

    def __init__(self, streams: int, certificate: Certificate) -> None:
        self._push = Push(current(), certificate, 0, "127.0.0.1", identify=nobody)
        self._gateways = [("ns", f"gw-{number}") for number in range(streams)]
        self._versions = dict.fromkeys(self._gateways, 0)
        pods = (
            GatewayPod(("ns", f"pod-{number}"), (key,), ("127.0.0.1",), ready=True)
            for number, key in enumerate(self._gateways)
        )
        self._pods = GatewayPods(pods)
        self._decisions: dict[Any, GatewayDecision] = {}

    async def start(self) -> int:
        """Listen; returns the port."""
        port = await self._push.start()
        await self.edit(self._gateways)
        return port

    async def edit(self, keys: list[Any]) -> None:
        """Decide something else for these gateways."""
        for key in keys:
            self._versions[key] += 1
            text = json.dumps(
                {"version": 1, "services": {}, "hosts": [], "edit": self._versions[key]}
            ).encode()
            pushed = {resource_name(*key): text}
            wanted = GatewayObjects(key[0], key[1], objects=({},), pushed=pushed)
            self._decisions[key] = GatewayDecision(provider=None, wanted=wanted)
        decision: Any = SimpleNamespace(gateways=self._decisions, module=SimpleNamespace(address=current()))
        await self._push.take(decision, self._pods)
        self._push.deliveries()

    async def one(self, number: int) -> None:
        """Change what one of them gets."""
        await self.edit([self._gateways[number % len(self._gateways)]])

    async def all(self) -> None:
        """Change what all of them get."""
        await self.edit(self._gateways)


class Bare:
    """A gRPC server that writes prepared bytes."""

    name = "bare gRPC"

    def __init__(self, streams: int, certificate: Certificate) -> None:
        self._certificate = certificate
        self._size = len(current().data) + 700
        self._streams = streams
        self._queues: list[asyncio.Queue[bytes]] = []

    async def start(self) -> int:
        """Listen; returns the port."""

        async def serve(requests: Any, context: Any) -> None:
            queue: asyncio.Queue[bytes] = asyncio.Queue()
            self._queues.append(queue)

            async def read() -> None:
                async for _ in requests:
                    pass

            reader = asyncio.create_task(read())
            queue.put_nowait(self._response(0))
            try:
                while True:
                    await context.write(await queue.get())
            finally:
                reader.cancel()

        self._server = grpc.aio.server(options=[("grpc.max_send_message_length", 2**26)])
        service, method = METHOD[1:].split("/")
        handler = grpc.stream_stream_rpc_method_handler(serve)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        port: int = self._server.add_secure_port("127.0.0.1:0", Credentials(self._certificate).of_server())
        await self._server.start()
        return port

    def _response(self, number: int) -> bytes:
        response = message("envoy.service.discovery.v3.DiscoveryResponse")(nonce=str(number))
        response.resources.add(type_url="x", value=bytes(self._size))
        text: bytes = response.SerializeToString()
        return text

    async def one(self, number: int) -> None:
        """Change what one of them gets."""
        self._queues[number % len(self._queues)].put_nowait(self._response(number))

    async def all(self) -> None:
        """Change what all of them get."""
        text = self._response(0)
        for queue in self._queues:
            queue.put_nowait(text)


def serve(
    kind: str, streams: int, seconds: int, certificate: Certificate, *, port: Any, begin: Any, results: Any
) -> None:
    async def run() -> None:
        server = Ours(streams, certificate) if kind == "ours" else Bare(streams, certificate)
        port.put(await server.start())
        while not begin.is_set():  # noqa: ASYNC110 - another process says so
            await asyncio.sleep(0.1)
        for what in ("one", "all"):
            cpu, wall = time.process_time(), time.monotonic()
            most = 0.0
            for number in range(seconds):
                await (server.one(number) if what == "one" else server.all())
                most = max(most, resident())
                while time.monotonic() < wall + number + 1:
                    await asyncio.sleep(0.05)
                    most = max(most, resident())
            share = (time.process_time() - cpu) / (time.monotonic() - wall)
            results.put((what, share, most))

    log.configure("error", "production")
    asyncio.run(run())


def connect(port: int, streams: int, authority: str, begin: Any) -> None:
    request = message("envoy.service.discovery.v3.DiscoveryRequest")
    response = message("envoy.service.discovery.v3.DiscoveryResponse")

    async def stream(channel: Any, number: int, ready: asyncio.Semaphore) -> None:
        call = channel.stream_stream(METHOD)()
        names = [resource_name("ns", f"gw-{number}")]
        await call.write(request(node={"id": f"pod-{number}"}, resource_names=names).SerializeToString())
        first = True
        while (received := await call.read()) is not grpc.aio.EOF:
            nonce = response.FromString(received).nonce
            await call.write(request(resource_names=names, response_nonce=nonce).SerializeToString())
            if first:
                ready.release()
            first = False

    async def run() -> None:
        ready = asyncio.Semaphore(0)
        options = [("grpc.max_receive_message_length", 2**26), ("grpc.use_local_subchannel_pool", 1)]
        credentials = grpc.ssl_channel_credentials(authority.encode())
        channels = [
            grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options)
            for _ in range(-(-streams // STREAMS_OF_A_CHANNEL))
        ]
        tasks = [
            asyncio.create_task(stream(channels[number // STREAMS_OF_A_CHANNEL], number, ready))
            for number in range(streams)
        ]
        for _ in range(streams):
            await ready.acquire()
        begin.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def measure(kind: str, streams: int, seconds: int) -> dict[str, tuple[float, float]]:
    """CPU (share of a core) and most memory (MiB) of a server, for each way of editing."""
    context = multiprocessing.get_context("spawn")
    port, begin, results = context.Queue(), context.Event(), context.Queue()
    shown = made("127.0.0.1", dt.datetime.now(dt.UTC))
    server = context.Process(
        target=serve,
        args=(kind, streams, seconds, shown.certificate),
        kwargs={"port": port, "begin": begin, "results": results},
        daemon=True,
    )
    server.start()
    clients = context.Process(
        target=connect, args=(port.get(timeout=60), streams, shown.authority, begin), daemon=True
    )
    clients.start()
    measured = {}
    for _ in range(2):
        what, share, most = results.get(timeout=60 + 10 * seconds)
        measured[what] = (share, most)
    for process in (clients, server):
        process.terminate()
        process.join()
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    ours = measure("ours", arguments.streams, arguments.seconds)
    bare = measure("bare", arguments.streams, arguments.seconds)
    print(f"{arguments.streams} streams, module of {len(current().data)} bytes, {os.cpu_count()} cores")
    for what, words in (("one", "an edit of one gateway each second"), ("all", "an edit of all each second")):
        (share, most), (bare_share, bare_most) = ours[what], bare[what]
        print(
            f"{words}: {share:.1%} of a core and {most:.0f} MiB; "
            f"bare gRPC {bare_share:.1%} and {bare_most:.0f} MiB; ratio {share / bare_share:.2f} and "
            f"{most / bare_most:.2f}"
        )


if __name__ == "__main__":
    main()
