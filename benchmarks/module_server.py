"""Compare the module server with nginx (sendfile, one worker): requests per second and CPU time per request.

    .venv/bin/python benchmarks/module_server.py [--rounds N] [--seconds S] [--connections C ...] [--discard]

Needs nginx (Debian: apt-get install nginx-light). Servers run on core 0; the client, this process, on core 1.
The client reads bodies, as gateways do. With --discard it has the kernel throw them away (MSG_TRUNC), which
makes sendfile look better than it is: on loopback its pages are then never touched by anybody. Where the
client is busy ("client" near 100 %), the requests per second say little and the CPU time per request says it
all. Rounds of both servers alternate and the median of each figure is shown. A ratio above 1 is in the module
server's favour.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import pathlib
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from typing import TYPE_CHECKING, NamedTuple

from kuadrant.wasm import Module
from kuadrant.wasm.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = {"100 KiB": 100 * 1024, "2 MiB": 2 * 1024 * 1024}
SERVER_CORE, CLIENT_CORE = 0, 1

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/t1;
  proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4;
  scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port} backlog=512; root {folder}; }}
}}
"""


class Server(NamedTuple):
    """A server to measure: its port, the process that answers and the path of each body."""

    name: str
    port: int
    worker: int
    paths: dict[str, str]


class Round(NamedTuple):
    """What one round gave."""

    rate: float  # requests per second
    cost: float  # CPU microseconds of the server per request
    client: float  # share of its core that the client was busy


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--discard", action="store_true")
    parser.add_argument("--serve", nargs="+", metavar="FILE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(
            serve_modules([Module(file, pathlib.Path(file).read_bytes()) for file in arguments.serve])
        )
        return
    if shutil.which("nginx") is None:
        sys.exit("nginx is missing (Debian: apt-get install nginx-light)")
    if (os.cpu_count() or 1) <= CLIENT_CORE:
        sys.exit("two cores are needed: one for the server, one for the client")
    with tempfile.TemporaryDirectory() as folder, servers(pathlib.Path(folder)) as (nginx, ours):
        print(
            "                                requests/s                 CPU us/request          client busy"
        )
        print("body     connections        nginx     ours  ratio       nginx    ours  ratio     nginx  ours")
        for size in SIZES:
            for cold in (False, True):
                for connections in arguments.connections:
                    results: dict[str, list[Round]] = {"nginx": [], "ours": []}
                    for _ in range(arguments.rounds):
                        for server in (nginx, ours):
                            results[server.name].append(
                                measure(
                                    server,
                                    size,
                                    connections,
                                    arguments.seconds,
                                    cold=cold,
                                    discard=arguments.discard,
                                )
                            )
                    show(
                        f"{size:8} {connections:3} {'cold' if cold else 'keep-alive':10}",
                        results["nginx"],
                        results["ours"],
                    )


def show(title: str, nginx: list[Round], ours: list[Round]) -> None:
    theirs, own = (
        Round(*(statistics.median(figure) for figure in zip(*rounds, strict=True)))
        for rounds in (nginx, ours)
    )
    print(
        f"{title}   {theirs.rate:8.0f} {own.rate:8.0f}  {own.rate / theirs.rate:5.2f}"
        f"    {theirs.cost:8.1f}{own.cost:8.1f}  {theirs.cost / own.cost:5.2f}"
        f"      {theirs.client:4.0%}  {own.client:4.0%}",
        flush=True,
    )


@contextlib.contextmanager
def servers(folder: pathlib.Path) -> Iterator[tuple[Server, Server]]:
    """Run both servers on their core for as long as the context lasts, with this process on the other one."""
    folder.chmod(0o755)  # nginx's worker may run as another user
    for size, count in SIZES.items():
        (folder / size.replace(" ", "")).write_bytes(os.urandom(count))
    files = [folder / size.replace(" ", "") for size in SIZES]
    with socket.create_server(("127.0.0.1", 0)) as free:
        nginx_port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=nginx_port))
    os.sched_setaffinity(0, {SERVER_CORE})
    with contextlib.ExitStack() as stack:
        nginx = stack.enter_context(
            subprocess.Popen(
                ["nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL
            )
        )
        stack.callback(nginx.send_signal, signal.SIGTERM)
        ours = stack.enter_context(
            subprocess.Popen([sys.executable, __file__, "--serve", *files], stdout=subprocess.PIPE, text=True)
        )
        stack.callback(ours.send_signal, signal.SIGTERM)
        os.sched_setaffinity(0, {CLIENT_CORE})
        assert ours.stdout is not None
        port, *digests = ours.stdout.readline().split()
        worker = wait_for_worker(nginx)
        both = (
            Server(
                "nginx",
                nginx_port,
                worker,
                {size: f"/{file.name}" for size, file in zip(SIZES, files, strict=True)},
            ),
            Server(
                "ours",
                int(port),
                ours.pid,
                {size: f"/wasm/{sha}.wasm" for size, sha in zip(SIZES, digests, strict=True)},
            ),
        )
        for server in both:
            for size, digest in zip(SIZES, digests, strict=True):
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{server.port}{server.paths[size]}"
                ) as response:
                    if hashlib.sha256(response.read()).hexdigest() != digest:
                        sys.exit(f"{server.name} does not serve the right bytes")
        yield both


def wait_for_worker(nginx: subprocess.Popen[bytes]) -> int:
    children = pathlib.Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children")
    until = time.monotonic() + 10
    while nginx.poll() is None and time.monotonic() < until:
        if workers := children.read_text().split():
            return int(workers[0])
        time.sleep(0.01)
    sys.exit("nginx did not start")


async def serve_modules(modules: list[Module]) -> None:
    async with serve(modules, "127.0.0.1") as server:
        print(server.port, *(module.sha256 for module in modules), flush=True)
        await asyncio.Event().wait()


def measure(
    server: Server, size: str, connections: int, seconds: float, *, cold: bool, discard: bool
) -> Round:
    """Keep ``connections`` requests under way for ``seconds``, each on a new connection if ``cold``."""
    request = (
        f"GET {server.paths[size]} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUser-Agent: "
        "Go-http-client/1.1\r\n"
        f"Accept-Encoding: gzip\r\n{'Connection: close' + chr(13) + chr(10) if cold else ''}\r\n"
    ).encode()
    sink = bytearray(2 * max(SIZES.values()))
    # Read through a part of it that stays in the core's cache; thrown away it is never written to.
    most, flags = (len(sink), socket.MSG_TRUNC) if discard else (1 << 18, 0)
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    left: dict[int, int] = {}

    def connect() -> None:
        opened = socket.create_connection(("127.0.0.1", server.port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.send(request)
        opened.setblocking(False)
        poll.register(opened, select.EPOLLIN)
        sockets[opened.fileno()] = opened

    for _ in range(connections):
        connect()
    done = 0
    server_before, client_before, start = busy(server.worker), time.process_time(), time.perf_counter()
    now = start
    while now < start + seconds:
        for descriptor, _ in poll.poll():
            opened = sockets[descriptor]
            missing = left.pop(descriptor, 0)
            if not missing:
                missing = opened.recv(1024, socket.MSG_PEEK).index(b"\r\n\r\n") + 4 + SIZES[size]
            missing -= opened.recv_into(sink, min(missing, most), flags)
            if missing:
                left[descriptor] = missing
                continue
            done += 1
            if cold:
                poll.unregister(opened)
                del sockets[descriptor]
                opened.close()
                connect()
            else:
                opened.send(request)
        now = time.perf_counter()
    elapsed = now - start
    result = Round(
        rate=done / elapsed,
        cost=(busy(server.worker) - server_before) / 1000 / max(done, 1),
        client=(time.process_time() - client_before) / elapsed,
    )
    for opened in sockets.values():
        opened.close()
    poll.close()
    return result


def busy(process: int) -> int:
    """Return the nanoseconds of CPU time that a process of one thread has used."""
    return int(pathlib.Path(f"/proc/{process}/schedstat").read_text().split()[0])


if __name__ == "__main__":
    main()
