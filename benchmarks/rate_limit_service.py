"""The rate limit service against a bare grpc.aio servicer that always answers OK.

They run one after the other on one core.

The server is pinned to core 0, the load (h2load, of the package nghttp2-client) to core 1. Every server gets
the same request: one descriptor with two entries, for a domain with 500 limits of which one applies.

    python benchmarks/rate_limit_service.py [--calls 60000] [--connections 8] [--streams 16]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grpc  # type: ignore[import-untyped]
from msgspec import UNSET

from kuadrant.api.algorithm import SLIDING_WINDOW, TOKEN_BUCKET
from kuadrant.api.caller_token import HEADER, fingerprint, shown
from kuadrant.api.limit_keys import SHADOW_KEY, SOFT_KEY, hits_key
from kuadrant.api.limit_mode import SHADOW, SOFT, Mode
from kuadrant.api.limitador import Limit
from kuadrant.api.response import HEADERS_KEY
from kuadrant.envoy_api import message
from kuadrant.ratelimit import RateLimitService, RedisStore, make_server
from kuadrant.ratelimit.service import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 26_379
ANSWER = message("envoy.service.ratelimit.v3.RateLimitResponse")
KEY = b"k" * 32
IN_SHADOW = 8
SOFT_ONE = 9
EXCEEDED = 10
"""The numbers of limits that refuse nobody: in shadow, soft, and soft without room."""
MODES: dict[int, Mode] = {IN_SHADOW: SHADOW, SOFT_ONE: SOFT, EXCEEDED: SOFT}
REQUEST = message("envoy.service.ratelimit.v3.RateLimitRequest")
SERVERS = {
    "bare grpc.aio": "constant OK, messages decoded and encoded",
    "bare native": "the same servicer on pygrpc-native",
    "kuadrant": "the rate limit service on pygrpc-native",
    "kuadrant, token": "the same, of gateways that show their token alone",
    "kuadrant, headers": "the same with x-ratelimit headers",
    "kuadrant, fields": "the same with RateLimit and x-ratelimit headers, as a question asks for",
    "kuadrant on grpcio": "the rate limit service on grpc.aio",
    "SlidingWindow": "kuadrant, the limit counts in a sliding window; ratios to kuadrant",
    "TokenBucket": "the same with a bucket of tokens",
    "Shadow": "the same with a second limit beside it that is in shadow",
    "Soft": "the same with a second limit beside it that is soft",
    "Soft, exceeded": "the same where that limit has no room",
    "cost": "kuadrant, a request costs two hits",
    "Redis": "kuadrant, counted in a Redis on the core of the load",
    "Redis, SlidingWindow": "the same in a sliding window; ratios to Redis",
    "Redis, TokenBucket": "the same with a bucket of tokens",
    "Redis, Shadow": "the same with a second limit beside it that is in shadow",
    "Redis, Soft": "the same with a second limit beside it that is soft",
    "Redis, cost": "Redis, a request costs two hits",
}
ALONE = ("kuadrant, fields", "SlidingWindow", "TokenBucket", "Shadow", "Soft", "Soft, exceeded", "cost")
PEERS = dict.fromkeys(ALONE, "kuadrant") | {name: "Redis" for name in SERVERS if name.startswith("Redis, ")}
"""To which server a row is compared; else to the first."""


class Result(NamedTuple):
    """What one server did."""

    calls_per_second: float
    cpu_us: float
    p99_ms: float


def limits(name: str) -> list[Limit]:
    return [
        Limit(
            namespace="default/toystore",
            max_value=1 if number == EXCEEDED else 1_000_000_000,
            seconds=60,
            conditions=(f'descriptors[0]["{key(number)}"] == "1"',),
            algorithm=next((one for one in (SLIDING_WINDOW, TOKEN_BUCKET) if one in name), UNSET),
            mode=MODES.get(number, UNSET),
        )
        for number in range(500)
    ]


def key(number: int) -> str:
    return f"limit.limit_{number}__{number:08x}"


def asked(name: str) -> list[dict[str, str]]:
    """The entries of the question that a server gets."""
    found = {key(7): "1", "request.headers.x-user": "alice"}
    beside = IN_SHADOW if "Shadow" in name else EXCEEDED if "exceeded" in name else SOFT_ONE
    if "Shadow" in name or "Soft" in name:
        found |= {key(beside): "1", SHADOW_KEY: key(beside)}
    if "Soft" in name:
        found[SOFT_KEY] = "told"
    if "cost" in name:
        found[hits_key(key(7))] = "2"
    if "fields" in name:
        found[HEADERS_KEY] = "Both"
    return [{"key": one, "value": value} for one, value in found.items()]


async def bare(request: object, _context: object) -> object:
    global answered  # noqa: PLW0603 - the one number of this process
    answered += bool(request.domain)  # type: ignore[attr-defined]
    return ANSWER(overall_code="OK")


answered = 0


async def serve(name: str) -> None:
    """Serve until standard input ends, then print how many calls were answered."""
    os.sched_setaffinity(0, {0})
    service = RateLimitService(limits(name), headers="headers" in name)
    if "token" in name:
        service.callers.hold((KEY,), fingerprint(KEY))
    if "bare" not in name:
        if name.startswith("Redis"):
            service.store = RedisStore(os.environ["BENCHMARK_REDIS"], timeout=60.0)
        ours = make_server(service, "127.0.0.1", 0, "grpcio" if "grpcio" in name else None)
        await ours.start()
        port, stop = ours.port, ours.stop
    else:
        server = grpc.aio.server()
        if "native" in name:
            import pygrpc_native.aio  # noqa: PLC0415

            server = pygrpc_native.aio.server()
        handlers = {
            "ShouldRateLimit": grpc.unary_unary_rpc_method_handler(
                bare, REQUEST.FromString, ANSWER.SerializeToString
            )
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        server.add_registered_method_handlers(SERVICE, handlers)
        port, stop = server.add_insecure_port("127.0.0.1:0"), server.stop
        await server.start()
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    seen = answered or next(
        float(line.split()[-1])
        for line in service.metrics().decode().splitlines()
        if line.startswith("authorized_calls{")
    )
    print(int(seen), flush=True)
    await stop(1)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, arguments: argparse.Namespace) -> Result:
    """Start the server ``name``, warm it up, put the load on it and stop it again."""
    question = REQUEST(domain="default/toystore", descriptors=[{"entries": asked(name)}])
    request = question.SerializeToString()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, __file__, "--serve", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        frame = Path(folder, "frame")
        frame.write_bytes(b"\0" + len(request).to_bytes(4, "big") + request)

        def load(calls: int) -> list[int]:
            log = Path(folder, "log")
            log.unlink(missing_ok=True)
            command = ["taskset", "-c", "1", "h2load", f"--log-file={log}", f"--data={frame}"]
            command += [
                f"--requests={calls}",
                f"--clients={arguments.connections}",
                f"--max-concurrent-streams={arguments.streams}",
            ]
            command += ["--header=content-type: application/grpc", "--header=te: trailers"]
            command += [f"--header={HEADER}: {shown((KEY,), 'default/external')}"]
            command.append(f"http://127.0.0.1:{port}/{SERVICE}/ShouldRateLimit")
            subprocess.run(command, check=True, stdout=subprocess.PIPE)
            lines = [line.split("\t") for line in log.read_text().splitlines()]
            assert [line[1] for line in lines] == ["200"] * calls
            started = [int(line[0]) for line in lines]
            taken = [int(line[2]) for line in lines]
            ended = max(start + time for start, time in zip(started, taken, strict=True))
            return [ended - min(started), *sorted(taken)]

        load(2000)
        before = cpu_seconds(server.pid)
        elapsed, *taken = load(arguments.calls)
        cpu = cpu_seconds(server.pid) - before
        server.stdin.close()
        seen = int(server.stdout.readline())
        if seen != arguments.calls + 2000:
            sys.exit(f"{name}: {arguments.calls + 2000} calls were made, {seen} were answered with OK")
    return Result(
        arguments.calls / elapsed * 1e6, cpu / arguments.calls * 1e6, taken[int(len(taken) * 0.99)] / 1000
    )


@contextmanager
def redis() -> Iterator[None]:
    """A Redis on the core of the load, whose address is in the environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "redis")
        command = ["taskset", "-c", "1", "redis-server", "--port", str(PORT), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", str(path)]
        with subprocess.Popen(command) as server:
            os.environ["BENCHMARK_REDIS"] = f"redis://127.0.0.1:{PORT}"
            try:
                while not path.exists() or "Ready to accept" not in path.read_text():
                    time.sleep(0.05)
                yield
            finally:
                server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=60_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=[*SERVERS])
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
        return
    if shutil.which("h2load") is None:
        sys.exit("h2load is needed: apt-get install nghttp2-client")
    print(
        f"{'server':20} {'calls/s':>8} {'CPU us/call':>12} {'p99 ms':>8} {'calls/s ratio':>14} "
        f"{'CPU ratio':>10}"
    )
    results: dict[str, Result] = {}
    for name, what in SERVERS.items():
        if name not in arguments.only:
            continue
        with redis() if name.startswith("Redis") else nullcontext():
            result = results[name] = measure(name, arguments)
        peer = results.get(PEERS.get(name, next(iter(SERVERS))), result)
        print(
            f"{name:20} {result.calls_per_second:8.0f} {result.cpu_us:12.1f} {result.p99_ms:8.1f}"
            f" {result.calls_per_second / peer.calls_per_second:13.2f}x "
            f"{result.cpu_us / peer.cpu_us:9.2f}x  {what}",
            flush=True,
        )


if __name__ == "__main__":
    main()
