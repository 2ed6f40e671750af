"""100 gateways that want the module at once.

Seconds and memory of a server that has half a core, beside nginx (sendfile).

    sudo .venv/bin/python -m benchmarks.module_downloads --downloads N --mib M --share PERCENT --rounds N

Both servers run, one after the other, on core 0 in a control group that gives them `--share` percent of it;
the clients, this process, on core 1. Needs root for the control group; nginx (Debian: apt-get install
nginx-light) is left out if it is not there. Exit code 1 if a round of ours takes more than 10 s or 64 MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kuadrant.wasm import Module
from kuadrant.wasm.server import serve
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER_CORE, CLIENT_CORE = 0, 1
PERIOD = 100_000
LONGEST, LARGEST = 10.0, 64
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port} backlog=512; root {folder}; }} }}
"""


@contextlib.contextmanager
def share(percent: int) -> Iterator[Path]:
    """A control group with that much of one core; its processes are gone when it is removed."""
    root = Path("/sys/fs/cgroup")
    second = (root / "cgroup.controllers").exists()
    group = (root if second else root / "cpu") / f"kuadrant-benchmark-{os.getpid()}"
    group.mkdir()
    quota = PERIOD * percent // 100
    if second:
        (group / "cpu.max").write_text(f"{quota} {PERIOD}")
    else:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    try:
        yield group
    finally:
        while (group / "cgroup.procs").read_text():
            time.sleep(0.05)
        group.rmdir()


@contextlib.contextmanager
def running(command: list[str], group: Path, port: int) -> Iterator[int]:
    """A server in the group, from when it takes connections; gives its process."""

    def enter() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))
        os.sched_setaffinity(0, {SERVER_CORE})

    process = subprocess.Popen(command, preexec_fn=enter)  # noqa: PLW1509 - nothing else runs in this process yet
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            sys.exit(f"{command[0]} ended")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


async def ours(port: int, size: int) -> None:
    """Be the server, until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serve([module(size)], "127.0.0.1", port):
        await stop.wait()


def module(size: int) -> Module:
    return Module("shim", hashlib.shake_256(b"module").digest(size))


def memory(pid: int) -> float:
    """The most that a process has had resident since it began, in MiB.

    Pages that it shares through files are left out.
    """
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return (int(fields["VmHWM"].split()[0]) - int(fields["RssFile"].split()[0])) / 1024


async def download(port: int, path: str, sha256: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    digest = hashlib.sha256()
    while part := await reader.read(256 * 1024):
        digest.update(part)
    writer.close()
    if not head.startswith(b"HTTP/1.1 200") or digest.hexdigest() != sha256:
        sys.exit("an answer was not the module")


async def all_at_once(port: int, path: str, sha256: str, downloads: int) -> float:
    start = time.monotonic()
    await asyncio.gather(*(download(port, path, sha256) for _ in range(downloads)))
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--downloads", type=int, default=100)
    parser.add_argument("--mib", type=int, default=3)
    parser.add_argument("--share", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = arguments.mib * 2**20
    if arguments.serve:
        asyncio.run(ours(arguments.serve, size))
        return
    os.sched_setaffinity(0, {CLIENT_CORE})
    wanted = module(size)
    results: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, share(arguments.share) as group:
        (Path(folder) / "module.wasm").write_bytes(wanted.data)
        for _ in range(arguments.rounds):
            port = free_port()
            command = [
                sys.executable,
                "-m",
                "benchmarks.module_downloads",
                "--serve",
                str(port),
                "--mib",
                str(arguments.mib),
            ]
            servers = {"module server": (command, "/kuadrant-wasm-shim")}
            if nginx := shutil.which("nginx"):
                (Path(folder) / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
                servers["nginx"] = ([nginx, "-c", f"{folder}/nginx.conf"], "/module.wasm")
            for name, (line, path) in servers.items():
                with running(line, group, port) as pid:
                    before = memory(pid)
                    seconds = asyncio.run(all_at_once(port, path, wanted.sha256, arguments.downloads))
                    results.setdefault(name, []).append((seconds, memory(pid) - before))
    print(f"{arguments.downloads} downloads of {arguments.mib} MiB at once, {arguments.share} % of a core")
    for name, rounds in results.items():
        seconds, grown = statistics.median(one for one, _ in rounds), max(one for _, one in rounds)
        print(f"  {name:14} {seconds:6.2f} s  memory grows by {grown:5.1f} MiB")
    if "nginx" in results:
        ratio = statistics.median(one for one, _ in results["nginx"]) / statistics.median(
            one for one, _ in results["module server"]
        )
        print(f"  nginx's time is {ratio:.2f} of ours")
    if any(seconds > LONGEST or grown > LARGEST for seconds, grown in results["module server"]):
        sys.exit(f"more than {LONGEST:.0f} s or {LARGEST} MiB")


if __name__ == "__main__":
    main()
