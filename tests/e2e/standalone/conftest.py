"""`kuadrant run` as a user starts it: a process, a folder, free ports."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.envoy_under_test import envoy_path
from tests.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES = Path(__file__).parents[3] / "examples"
READY_SECONDS = 60


class Answer:
    """One HTTP response, read whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()


class Kuadrant:
    """A running `kuadrant run`."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        wasm_server: bool = True,
        command: list[str] | None = None,
        environment: dict[str, str] | None = None,
        console_port: int | None = None,
    ) -> None:
        self.folder = folder
        # One after the first gateway's is a second gateway's.
        self.port, self.next_port, self.wasm_port, self.admin_port, *others = free_ports(6)
        self.metrics_port, self.console_port = others[0], console_port or others[1]
        self.lines: list[dict[str, Any]] = []
        self.output: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [
                *(command or [sys.executable, "-m", "kuadrant"]),
                *(
                    "run",
                    str(folder),
                    "--port",
                    str(self.port),
                    "--wasm-port",
                    str(self.wasm_port if wasm_server else 0),
                ),
                *("--admin-port", str(self.admin_port), "--metrics-port", str(self.metrics_port)),
                *("--console-port", str(self.console_port), "--envoy", envoy_path(), *arguments),
            ],
            env={**os.environ, "LOG_MODE": "production", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read_output, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.output.append(line.rstrip("\n"))
                self._changed.notify_all()
        self.process.wait()
        with self._changed:
            self._changed.notify_all()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(json.loads(line) if line.startswith("{") else {"msg": line.rstrip("\n")})
                self._changed.notify_all()

    def wait(self, what: Callable[[], object], seconds: float = READY_SECONDS) -> None:
        """Wait until ``what()`` holds; looked at after each line that the process writes."""
        with self._changed:
            held = self._changed.wait_for(lambda: what() or self.process.poll() is not None, seconds)
        if not (held and what()):
            pytest.fail("\n".join([*self.output, *map(json.dumps, self.lines)]))

    def wait_ready(self) -> None:
        self.wait(lambda: any(line.startswith("Ready") for line in self.output))

    def wait_listening(self, seconds: float = 20) -> None:
        """Wait until the gateway takes connections again."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert time.monotonic() < deadline, "the gateway did not come back"
            else:
                return

    def messages(self, text: str) -> list[dict[str, Any]]:
        """Return the log lines whose message contains ``text``."""
        return [line for line in self.lines if text in line["msg"]]

    def change(self, name: str, text: str) -> float:
        """Write a file of the folder, wait until it is live, and return how many seconds that took."""
        before = len(self.messages("is live"))
        started = time.monotonic()
        (self.folder / name).write_text(text)
        self.wait(lambda: len(self.messages("is live")) > before)
        return time.monotonic() - started

    def request(
        self, method: str = "GET", path: str = "/toys", host: str = "api.toystore.com", **headers: str
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={"Host": host, **headers})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, port: int, path: str) -> Answer:
        """Ask one of the other ports: the module server, Envoy's admin page, metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def calls(self) -> int:
        """Return how many requests the rate limit service has decided: admitted and limited.

        Those count that the gateway has limited by a denial that it remembered.
        """
        total = 0.0
        lines = self.get(self.metrics_port, "/metrics").body.decode().splitlines()
        lines += self.get(self.admin_port, "/stats?filter=kuadrant.remembered").body.decode().splitlines()
        for line in lines:
            if line.startswith(
                ("kuadrant_ratelimit_decision_seconds_count", "wasmcustom.kuadrant.remembered:")
            ):
                total += float(line.rpartition(" ")[2])
        return int(total)

    def children(self) -> list[int]:
        """Return the processes that the process has started."""
        return [
            int(pid)
            for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def interrupt(self) -> float:
        """Send Ctrl-C, wait for the end, and return how many seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        return time.monotonic() - started

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def toystore(tmp_path: Path) -> Path:
    """A copy of the example's folder."""
    return Path(shutil.copytree(EXAMPLES / "toystore", tmp_path / "toystore"))


@pytest.fixture
def start() -> Iterator[Callable[..., Kuadrant]]:
    """Start `kuadrant run`, wait until it is ready, and end it after the test."""
    running: list[Kuadrant] = []

    def start(folder: Path, *arguments: str, ready: bool = True, **options: Any) -> Kuadrant:
        one = Kuadrant(folder, *arguments, **options)
        running.append(one)
        if ready:
            one.wait_ready()
        return one

    yield start
    for one in running:
        one.close()
