"""Tests at a real server: what it is sent, what is compared, and how it may fail."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
from typing import TYPE_CHECKING

import httpx2
import pytest

from kuadrant.gateway_client import Against, GatewayAwayError, ask_gateway
from kuadrant.operator.push.certificate import made
from tests.unit.policy_tests.examples import GATEWAY, POLICY, gateway, loaded, read_tests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kuadrant.policy_tests import CaseResult

OK = b"HTTP/1.1 200 OK\r\nX-Rule: toys\r\nX-Rule: cars\r\ncontent-length: 2\r\n\r\nok"
LIMITED = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"
SILENT, CLOSED = b"", b"closed"


class Server:
    """Answers one request of each connection with the next of ``answers``; with nothing, it stays silent."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.requests: list[bytes] = []
        self.open = self.most_open = 0
        self.idle = asyncio.Event()
        self.idle.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.idle.clear()
        try:
            await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # a client that had no more patience
        finally:
            writer.close()
            self.open -= 1
            if not self.open:
                self.idle.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line[:15] == b"content-length:"), 0)
        self.requests.append(head + await reader.readexactly(length))
        answer = self._answers.pop(0) if self._answers else OK
        if answer != CLOSED:
            writer.write(answer)
            await writer.drain()
            await reader.read()


@contextlib.asynccontextmanager
async def listening(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[httpx2.URL]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    try:
        scheme = "https" if tls else "http"
        yield httpx2.URL(f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    finally:
        listener.close()
        await server.idle.wait()


async def asked(
    server: Server, text: str, *, timeout_ms: int = 10_000, tls: ssl.SSLContext | None = None
) -> tuple[list[CaseResult], list[int]]:
    """What becomes of the tests of ``text`` at ``server``, and the waits, during which the time passes."""
    file = read_tests(text)
    waits: list[int] = []

    async def wait(left: int) -> None:
        waits.append(left)

    async with listening(server, tls) as url:
        against = Against(url, timeout_ms, 60_000, lambda: sum(waits) / 1000, wait)
        (result,) = await ask_gateway([(file, gateway(loaded(GATEWAY, POLICY), file))], against)
    return [*result.cases], waits


def _one(step: str) -> str:
    return f"tests: [{{name: a, steps: [{step}]}}]"


async def test_a_request_is_sent_as_the_test_says_and_with_no_other_headers() -> None:
    server = Server()
    fields = "method: POST, host: 'toys.example.com:80', path: '/a;b/%25?x=%zz', query: {a b: c&d}"
    await asked(server, _one(f"{{request: {{{fields}, headers: {{X-User: Zoë, content-length: '3'}}}}}}"))

    (request,) = server.requests
    assert request == (
        b"POST /a;b/%25?x=%zz&a%20b=c%26d HTTP/1.1\r\nhost: toys.example.com:80\r\n"
        b"X-User: Zo\xc3\xab\r\ncontent-length: 3\r\n\r\n\0\0\0"
    )


async def test_statuses_and_headers_are_compared_and_the_rest_is_named() -> None:
    server = Server(OK, OK, LIMITED)
    step = "request: {method: POST, host: toys.example.com, path: /toys}, times: 3"
    expect = "status: 200x2 then 429, limitedBy: a, rule: a, policies: [a], remaining: 9, asked: true"

    (case,), _ = await asked(server, _one(f"{{{step}, expect: {{{expect}}}}}"))

    assert (case.outcome, case.misses, case.requests) == ("passed", (), 3)
    assert case.not_compared == ("limitedBy", "rule", "policies", "remaining", "asked")


async def test_what_is_missed_is_told_with_both_sides() -> None:
    step = "request: {host: toys.example.com, path: /toys}, times: 2"
    expect = "status: 200, headers: {x-rule: 'toys,cars', x-no: a}"

    (case,), _ = await asked(Server(LIMITED, OK), _one(f"{{{step}, expect: {{{expect}}}}}"))

    assert [(miss.field, miss.expected, miss.got, miss.why) for miss in case.misses] == [
        ("steps[0].expect.status", "200x2", "429 then 200", "429"),
        ("steps[0].expect.headers.x-no", '"a"', "no such header", "200"),
    ]


async def test_what_others_have_counted_is_said_where_a_request_is_limited_too_early() -> None:
    step = "request: {method: POST, host: toys.example.com, path: /toys}, times: 6"

    (case,), _ = await asked(Server(OK, LIMITED), _one(f"{{{step}, expect: {{status: 200x5 then 429}}}}"))

    (miss,) = case.misses
    assert miss.why == (
        "429; by the requests of this test alone the limit would not be reached: others have counted there, "
        "or this command the last time; wait 10s, and run it again"
    )


async def test_a_test_from_the_gateways_own_machine_is_asked_where_we_are_there() -> None:
    (case,), _ = await asked(
        Server(OK), _one("{request: {host: a.x, source: 127.0.0.1}, expect: {status: 200}}")
    )
    assert case.outcome == "passed"


async def test_one_request_is_on_its_way_at_a_time_each_by_a_connection_of_its_own() -> None:
    server = Server()
    await asked(server, _one("{request: {host: toys.example.com}, times: 5}"))

    assert len(server.requests) == 5
    assert server.most_open <= 2  # the server may hear of the next one before the end of the last


async def test_time_passes_as_the_test_says() -> None:
    server = Server()
    text = _one(
        "{request: {host: a.x}}, {advance: 20ms}, {request: {host: a.x}}, {at: 1s, request: {host: a.x}}"
    )

    _, waits = await asked(server, text)

    assert waits == [20 + 50, 980 + 50]
    assert len(server.requests) == 3


async def test_a_test_waits_for_the_counters_that_the_one_before_has_used() -> None:
    step = "{request: {method: POST, host: toys.example.com, path: /toys}}"
    text = (
        f"tests: [{{name: a, steps: [{step}]}}, {{name: b, steps: [{step}]}}, {{name: c, steps: [{step}]}}]"
    )

    _, waits = await asked(Server(), text)

    assert waits == [10_050, 10_050]


@pytest.mark.parametrize("answer", [CLOSED, b"SSH-2.0\r\n\r\n"])
async def test_without_an_answer_a_test_has_failed_and_ends(answer: bytes) -> None:
    server = Server(OK, answer)
    text = _one("{request: {host: a.x}, times: 9, expect: {status: 200}}, {request: {host: b.x}}")

    (case,), _ = await asked(server, text)

    (miss,) = case.misses
    assert (miss.expected, miss.got) == ("200x9", "200 then no answer")
    assert miss.why.startswith("no answer: ")
    assert len(server.requests) == case.requests == 2


async def test_an_answer_that_takes_too_long_is_none() -> None:
    server = Server(SILENT)

    (case,), _ = await asked(server, _one("{request: {host: a.x}, expect: {status: 200}}"), timeout_ms=50)

    (miss,) = case.misses
    assert (miss.got, miss.why) == ("no answer", "no answer within 50ms")


async def test_without_an_answer_a_test_has_failed_also_where_it_expects_nothing() -> None:
    (case,), _ = await asked(Server(CLOSED), _one("request: {host: a.x}"))

    (miss,) = case.misses
    assert (miss.field, miss.expected) == ("steps[0].expect", "an answer")
    assert miss.got.startswith("no answer: ")


async def test_what_cannot_be_asked_is_left_out_with_why() -> None:
    server = Server()
    text = """\
        tests:
        - {name: a, steps: [request: {host: a.x, source: 10.0.0.7}]}
        - {name: b, steps: [request: {host: a.x}]}
        """

    (first, second), _ = await asked(server, text)

    assert (first.outcome, first.requests) == ("skipped", 0)
    assert first.not_asked == "steps[0].request.source: a real gateway sees where we are"
    assert second.outcome == "passed"
    assert len(server.requests) == 1


async def test_a_gateway_that_is_not_there_is_no_missed_expectation() -> None:
    async with listening(Server()) as url:
        pass
    file = read_tests(_one("request: {host: a.x}"))
    against = Against(url, 1000, 1000, lambda: 0.0, asyncio.sleep)

    with pytest.raises(GatewayAwayError, match=r"^http://127\.0\.0\.1:\d+ cannot be asked: "):
        await ask_gateway([(file, gateway(loaded(GATEWAY, POLICY), file))], against)


@pytest.mark.parametrize("host", ["toys.example.com", "cars.example.com"])
async def test_a_gateway_with_tls_shows_a_certificate_for_the_host_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    shown = made("toys.example.com", dt.datetime.now(dt.UTC))
    (tmp_path / "authority").write_text(shown.authority)
    (tmp_path / "chain").write_bytes(shown.certificate.chain + shown.certificate.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "chain")
    text = _one(f"{{request: {{host: {host}}}, expect: {{status: 200}}}}")

    if host == "toys.example.com":
        assert (await asked(Server(), text, tls=tls))[0][0].outcome == "passed"
    else:
        with pytest.raises(GatewayAwayError, match="certificate verify failed"):
            await asked(Server(), text, tls=tls)
