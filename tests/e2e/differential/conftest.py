"""A real Envoy with a shim and our rate limit service.

It is asked the same as :func:`kuadrant.reference_model.decide`.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import UNSET, Struct, structs

from kuadrant import wasm
from kuadrant.api.algorithm import Algorithm
from kuadrant.api.objects import Objects
from kuadrant.compiler import Compilation, compile_gateways
from kuadrant.compiler.program import (
    Action,
    Forwarding,
    HostProgram,
    LimitAction,
    ListenerProgram,
    Redirect,
    RuleProgram,
)
from kuadrant.dialects import DIALECTS, Service, expressible
from kuadrant.envoy_api import message
from kuadrant.gateways import envoy
from kuadrant.policy.match import RequestMatch
from kuadrant.ratelimit.counter_windows import Window
from kuadrant.ratelimit.server import Server as RateLimitServer
from kuadrant.ratelimit.server import make_server
from kuadrant.ratelimit.service import RateLimitService
from kuadrant.xds import EMPTY, Server, Snapshot
from tests.envoy_under_test import envoy_path
from tests.ports import free_port

from .generator import GATEWAYS, SIGNALS, Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from kuadrant.dialects import Dialect

    from .generator import Case

LOOPBACK = "127.0.0.1"
READY_SECONDS = 120.0
_PROBE_HOST = "probe.test"

CounterKey = tuple[str, int, frozenset[str], frozenset[str], Algorithm, str | bytes]


class Observation(Struct, frozen=True):
    """What became of a request, and which counters are open after it, with their hits and their end.

    ``rule`` is the one that forwarded it. ``questions`` are what the rate limit service was asked: scope and
    entries. ``target`` is the path that filters and router see, with its query: Envoy has made it plain. It
    is None for one that Envoy does not take.
    """

    outcome: str
    target: str | None
    status: int
    grpc_status: int | None
    rule: str | None
    headers: tuple[tuple[str, str], ...]
    again: tuple[tuple[str, str], ...]
    refusal: tuple[str | None, str]
    questions: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    counters: dict[CounterKey, tuple[int, float]]
    client: str
    signals: tuple[tuple[str, str], ...] = ()


class _Service(RateLimitService):
    """Notes what it is asked, and has the time that it is told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[bytes] = []
        self.came = asyncio.Event()
        super().__init__(clock=lambda: self.now, headers=True)

    def decide(self, request: bytes, gateway: str | None = None) -> bytes:
        self.asked.append(request)
        self.came.set()
        return super().decide(request, gateway)

    def questions(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """What it was asked since the last time."""
        asked = [message("envoy.service.ratelimit.v3.RateLimitRequest").FromString(one) for one in self.asked]
        self.asked.clear()
        assert all(len(one.descriptors) == 1 and one.hits_addend == 1 for one in asked)
        return tuple(
            (one.domain, tuple((entry.key, entry.value) for entry in one.descriptors[0].entries))
            for one in asked
        )

    def open_windows(self) -> dict[CounterKey, tuple[int, float]]:
        found = {}
        for identity, counters in self._counters._limits.items():
            for values, window in (b"", counters.single), *counters.by_values.items():
                if isinstance(window, Window) and self.now < window.ends:
                    found[*identity, values] = (window.hits, window.ends)
        return found


class Reality:
    """The processes and servers, for one event loop that the tests run whenever they ask something.

    The shim is ``module``, which is told everything in ``dialect``.
    """

    def __init__(self, folder: Path, module: bytes, dialect: Dialect) -> None:
        self._module = module
        self._dialect = dialect
        self._loop = asyncio.new_event_loop()
        self._folder = folder
        self._version = 0
        self._snapshot = EMPTY
        self._body = ""
        self._connections: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._service = _Service()
        self._remembers = False
        self.ports = {(gateway, port): free_port() for gateway, ports in GATEWAYS.items() for port in ports}

    def start(self) -> None:
        self._run(self._start())

    async def _start(self) -> None:
        self._limiter: RateLimitServer = make_server(self._service, LOOPBACK, 0)
        await self._limiter.start()
        self._xds = Server(host=LOOPBACK)
        xds = envoy.Address(LOOPBACK, await self._xds.start())
        bootstrap = envoy.bootstrap("differential", admin=envoy.Address(LOOPBACK, 0), xds=xds)
        with (self._folder / "envoy.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(envoy_path(), "--disable-hot-restart", "--concurrency", "1"),
                *("--config-yaml", json.dumps(bootstrap)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        self._run(self._stop())
        self._loop.close()

    async def _stop(self) -> None:
        for _, writer in self._connections.values():
            writer.close()
        self._process.kill()
        await self._process.wait()
        await self._xds.stop()
        await self._limiter.stop(0)
        await self._loop.shutdown_default_executor()

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def send_headers(self, *, on: bool) -> None:
        """Have the rate limit service send headers of itself, as it does at first, or not."""
        self._service.headers = on

    def remember_denials(self, *, on: bool) -> None:
        """Have the gateway remember denials from the next configuration on, or not, as at first.

        The service's time is made up, the gateway's is not: that must not pass meanwhile.
        """
        self._remembers = on

    def log(self) -> str:
        return (self._folder / "envoy.log").read_text()

    def configure(
        self, case: Case, compile_objects: Callable[[Objects], Compilation] = compile_gateways
    ) -> Compilation:
        """Have everything do what ``case`` says, as far as the dialect can.

        No counter is open then, and it is 1000 s.
        """
        objects, mode = Objects.of(case.objects), case.failure_mode
        compilation = expressible(objects, compile_objects, self._dialect, mode, "the shim")  # type: ignore[arg-type]
        self._run(self._configure(compilation, case.failure_mode))
        return compilation

    async def _configure(self, compilation: Compilation, failure_mode: Any) -> None:
        self._version += 1
        settings = envoy.ListenerSettings(
            module=self._module,
            configure=self._dialect.configure(
                Service(
                    envoy.RATE_LIMIT_CLUSTER,
                    timeout_ms=20_000,
                    failure_mode=failure_mode,
                    remember_denials=UNSET if self._remembers else False,
                )
            ),
            addresses={
                (f"gw/{gateway}", port): envoy.Address(LOOPBACK, own)
                for (gateway, port), own in self.ports.items()
            },
            rate_limit=envoy.Address(LOOPBACK, self._limiter.port),
            endpoints={},
        )
        programs = [
            structs.replace(
                program, listeners=tuple(self._with_probe(listener) for listener in program.listeners)
            )
            for program in compilation.programs
        ]
        resources = envoy.resources(programs, settings)
        _show_signals(resources[envoy.ROUTES])
        self._snapshot = Snapshot.of(resources, self._snapshot)
        self._service.replace(())
        await self._xds.set(self._snapshot)
        types = (envoy.CLUSTER, envoy.LISTENER, envoy.ROUTES, envoy.EXTENSION)
        async with asyncio.timeout(READY_SECONDS):
            if self._version == 1:
                await self._xds.taken(*types)
            refusals = await self._xds.settled(*types)
            assert not refusals, refusals
            for port in self.ports.values():
                await self._until_live(port)
        self._service.replace(compilation.limits)
        self._service.now = 1000.0
        self._service.questions()

    def _with_probe(self, listener: ListenerProgram) -> ListenerProgram:
        """Return ``listener`` with a rule that tells whether all is live.

        Its redirect tells it of the routes, its question of the shim.
        """
        action = Action("probe", (LimitAction(f"version-{self._version}"),))
        forwarding = Forwarding(redirect=Redirect(hostname=f"v{self._version}.test"))
        rule = RuleProgram("probe", "probe", RequestMatch(), (action,), forwarding)
        return structs.replace(listener, hosts=(*listener.hosts, HostProgram(_PROBE_HOST, (rule,))))

    async def _until_live(self, port: int) -> None:
        probe = Asked("", 0, _PROBE_HOST, "GET", "/")
        deadline = time.monotonic() + READY_SECONDS
        wanted = (f"http://v{self._version}.test:{port}/", f"version-{self._version}")
        while True:
            try:
                _, headers = await self._exchange(port, probe)
                questions = self._service.questions()
                found: object = (dict(headers).get("location"), questions[-1][1][0][0] if questions else None)
            except OSError as error:
                found = error
            if found == wanted:
                return
            assert time.monotonic() < deadline, f"{found} instead of {wanted}:\n{self.log()}"
            await asyncio.sleep(0.001)

    def ask(self, sequence: Sequence[tuple[float, Asked]]) -> Iterator[Observation]:
        """Send the requests one after the other, each so many seconds after the one before."""
        for after, asked in sequence:
            self._service.now += after
            yield self._run(self._observe(asked))

    def whole(self, observed: Observation, number: int) -> Observation:
        """What was observed, when so many questions have come: some no request waits for."""
        return self._run(self._whole(observed, number)) if len(observed.questions) < number else observed

    async def _whole(self, observed: Observation, number: int) -> Observation:
        questions = observed.questions + self._service.questions()
        async with asyncio.timeout(5):
            while len(questions) < number:
                self._service.came.clear()
                await self._service.came.wait()
                questions += self._service.questions()
        return structs.replace(observed, questions=questions, counters=self._service.open_windows())

    async def _observe(self, asked: Asked) -> Observation:
        port = self.ports[asked.gateway, asked.port]
        target = await self._plain_target(port, asked)
        status, headers = await self._exchange(port, asked)
        values = dict(headers)
        rule = values.get("x-rule")
        grpc = values.get("grpc-status")
        outcome = _outcome(status, rule, grpc)
        return Observation(
            outcome=outcome,
            target=target,
            status=status,
            grpc_status=None if grpc is None else int(grpc),
            rule=rule,
            headers=tuple(one for one in headers if one[0].startswith(("x-ratelimit-", "ratelimit"))),
            refusal=(values.get("x-own"), self._body)
            if outcome == "limited" and grpc is None
            else (None, ""),
            again=tuple(one for one in headers if one[0] in {"retry-after", "grpc-retry-pushback-ms"}),
            questions=self._service.questions(),
            counters=self._service.open_windows(),
            client=self._client,
            signals=tuple(
                (name, values[f"x-seen-{name}"])
                for name in map(str.lower, SIGNALS)
                if f"x-seen-{name}" in values
            ),
        )

    async def _plain_target(self, port: int, asked: Asked) -> str | None:
        """The target of ``asked`` as Envoy makes it plain, by the redirect of the probe's host.

        None if it does not take it.
        """
        if not asked.odd:
            return asked.target
        _, scheme, path = asked.target.rpartition("http://")
        target = f"http://{_PROBE_HOST}{path[path.index('/') :]}" if scheme else asked.target
        _, headers = await self._exchange(port, Asked(asked.gateway, asked.port, _PROBE_HOST, "GET", target))
        self._service.questions()
        place = f"http://v{self._version}.test:{port}"
        location = dict(headers).get("location", "")
        return location.removeprefix(place) if location.startswith(place) else None

    async def _exchange(self, port: int, asked: Asked) -> tuple[int, list[tuple[str, str]]]:
        """Send a request as it is given on the connection that is kept for ``port``.

        Status and headers of the answer.
        """
        lines = [f"{asked.method} {asked.target} HTTP/1.1", f"host: {asked.authority}"]
        lines += (f"{name}: {value}" for name, value in asked.headers)
        head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode(errors="surrogateescape")
        for attempt in range(2):
            if port not in self._connections or self._connections[port][0].at_eof():
                self._connections[port] = await asyncio.open_connection(LOOPBACK, port)
            reader, writer = self._connections[port]
            host, source_port = writer.get_extra_info("sockname")[:2]
            self._client = f"{host}:{source_port}"
            writer.write(head)
            try:
                async with asyncio.timeout(READY_SECONDS):
                    answer = (await reader.readuntil(b"\r\n\r\n")).decode(errors="surrogateescape")
                    status_line, *fields = answer[:-4].split("\r\n")
                    headers = [
                        (name, value.strip()) for name, _, value in (field.partition(":") for field in fields)
                    ]
                    values = dict(headers)
                    body = b""
                    if asked.method != "HEAD":
                        assert "transfer-encoding" not in values, answer
                        body = await reader.readexactly(int(values.get("content-length", "0")))
            except (ConnectionError, asyncio.IncompleteReadError):
                # Nothing was answered: the connection was one that Envoy had closed.
                del self._connections[port]
                writer.close()
                if attempt:
                    raise
                continue
            self._body = body.decode()
            if values.get("connection") == "close":
                del self._connections[port]
                writer.close()
            return int(status_line.split(" ")[1]), headers
        raise AssertionError


def _show_signals(routes: dict[str, dict[str, Any]]) -> None:
    """Have each admitted request show in its answer how it was marked."""
    for route in routes.values():
        # Those of a route come on top, so that only what a rule forwards has them.
        for host in route["virtual_hosts"]:
            for one in host["routes"]:
                shown = one.setdefault("response_headers_to_add", [])
                shown += [
                    {"header": {"key": f"x-seen-{name.lower()}", "value": f"%REQ({name})%"}}
                    for name in SIGNALS
                ]


def _outcome(status: int, rule: str | None, grpc: str | None) -> str:
    if rule is not None:
        return "admitted"
    # What a gRPC client gets for the same thing.
    by_grpc = {"12": 404, "8": 429, "14": 429, "2": 500}
    statuses = {404: "no-route", 429: "limited", 503: "limited", 500: "failed"}
    return statuses.get(by_grpc.get(grpc or "", status), str(status))


@pytest.fixture(scope="session")
def reality(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reality]:
    one = Reality(
        tmp_path_factory.mktemp("differential"), wasm.current().data, DIALECTS[wasm.current().dialects[0]]
    )
    one.start()
    try:
        yield one
    finally:
        one.stop()
