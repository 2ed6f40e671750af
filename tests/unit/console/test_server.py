"""The server of the page: what it gives to whom, and a stream that goes on where it was."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.console import ConsoleServer, StateStore
from tests.unit.console.showing import LIMIT, Answers, decision, shown
from tests.unit.explanation.asking import policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILES = ("/", "/console.css", "/icon.svg", "/js/console.js", "/js/now.js")


class Console:
    """A server, what it shows, and who it asks."""

    def __init__(self) -> None:
        self.state = StateStore("boot", shown(policy(LIMIT)))
        self.answers = Answers()
        self.server = ConsoleServer(self.state, self.answers, "127.0.0.1", 0)

    async def ask(self, target: str, *fields: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Status, fields and body of one answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *fields)
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        first, *named = head.decode().split("\r\n")
        return int(first.split()[1]), dict(one.split(": ", 1) for one in named), body

    async def page(self, target: str, *fields: str) -> Any:
        status, _, body = await self.ask(target, *fields)
        assert status == 200
        return json.loads(body)

    @asynccontextmanager
    async def events(self, query: str = "", *fields: str) -> AsyncIterator[Events]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        lines = (f"GET /api/events?{query} HTTP/1.1", "Host: localhost", *fields)
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await reader.readuntil(b"\r\n\r\n")
        yield Events(reader)
        writer.close()


class Events:
    """A stream of events, as a browser reads it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def next(self, name: str) -> tuple[str, Any]:
        """The id and the data of the next event of a name."""
        async with asyncio.timeout(10):
            while True:
                text = (await self._reader.readuntil(b"\n\n")).decode()
                fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
                if fields.get("event") == name:
                    return fields.get("id", ""), json.loads(fields["data"])


@pytest.fixture
async def console() -> AsyncIterator[Console]:
    one = Console()
    await one.server.start()
    yield one
    await one.server.stop()


@pytest.mark.parametrize("path", FILES)
async def test_the_page_is_files_of_this_package_with_a_strict_policy(console: Console, path: str) -> None:
    status, fields, body = await console.ask(path)
    assert status == 200
    assert body
    assert fields["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"https://" not in body
    assert b"<script>" not in body
    assert "Set-Cookie" not in fields


async def test_other_paths_are_not_there(console: Console) -> None:
    for path in ("/../server.py", "/index.html", "/js/", "/api/else"):
        assert (await console.ask(path))[0] == 404


async def test_a_page_says_of_which_run_and_version_it_is(console: Console) -> None:
    told = await console.page("/api/now")
    assert (told["boot"], told["version"], told["place"]) == ("boot", 0, "toys")
    console.state.update(notes=("something",))
    assert (await console.page("/api/now"))["version"] == 1
    console.state.update(notes=("something",))
    assert (await console.page("/api/now"))["version"] == 1


async def test_a_request_is_tried_by_a_field_that_no_other_site_can_send(console: Console) -> None:
    asked = base64.b64encode(b'{"url": "toys.x/toys", "method": "POST"}').decode()
    assert (await console.page("/api/try", f"x-kuadrant-try: {asked}"))["verdict"].startswith("admitted")
    for wrong in ("", "!", base64.b64encode(b"{}").decode(), base64.b64encode(b'{"url": 1}').decode()):
        assert (await console.ask("/api/try", f"x-kuadrant-try: {wrong}"))[0] == 400


async def test_what_is_no_request_is_refused(console: Console) -> None:
    assert (await console.ask("/", method="POST"))[0] == 405
    assert (await console.ask("/", "Host: localhost"))[0] == 400
    assert (await console.ask("/", f"x: {'x' * 20_000}"))[0] == 431
    assert (await console.ask("/", "Content-Length: 1"))[0] == 400
    assert (await console.ask("/", "no field"))[0] == 400


async def test_a_stream_says_what_is_shown_at_once_and_whenever_that_changes(console: Console) -> None:
    async with console.events() as events:
        assert (await events.next("shown"))[1]["version"] == 0
        console.state.update(notes=("something",))
        assert (await events.next("shown"))[1]["version"] == 1


async def test_calls_are_told_to_who_looks_at_them(console: Console) -> None:
    async with console.events("follow=limits") as events:
        assert (await events.next("totals"))[1]["limited"] == 3


async def test_nobody_is_asked_for_decisions_before_somebody_looks_nor_after(console: Console) -> None:
    async with console.events("follow=now") as events:
        await events.next("totals")
        assert console.answers.asked == []
    async with console.events("follow=decisions&headers=x-user,Cookie") as events:
        await events.next("following")
        console.answers.coming.append(decision())
        await events.next("decisions")
        assert console.answers.asked[0].headers == ("x-user",)
    async with console.events("follow=now") as events:
        await events.next("totals")
        count = len(console.answers.asked)
        await events.next("totals")
        assert len(console.answers.asked) == count


async def test_decisions_are_told_as_they_are_wanted(console: Console) -> None:
    async with console.events("follow=decisions&verdict=limited,failed&q=TOYS%20acme") as events:
        await events.next("following")
        console.answers.coming += [
            decision("/toys/1"),
            decision("/toys/2", verdict="limited"),
            decision("/toys/3", verdict="limited", policies=("acme/p",)),
        ]
        _, told = await events.next("decisions")
        assert [one["path"] for one in told["decisions"]] == ["/toys/3"]


async def test_a_stream_that_was_lost_goes_on_after_what_it_told_last(console: Console) -> None:
    async with console.events("follow=decisions") as watching, console.events("follow=decisions") as lost:
        await lost.next("following")
        await watching.next("following")
        console.answers.coming.append(decision("/before"))
        identity, _ = await lost.next("decisions")
        await watching.next("decisions")
        console.answers.coming.append(decision("/meanwhile"))
        await watching.next("decisions")
        async with console.events("follow=decisions", f"Last-Event-ID: {identity}") as again:
            _, told = await again.next("decisions")
            assert [one["path"] for one in told["decisions"]] == ["/meanwhile"]
        async with console.events("follow=decisions", "Last-Event-ID: another.0") as other_run:
            await other_run.next("following")
            console.answers.coming.append(decision("/after"))
            _, told = await other_run.next("decisions")
            assert [one["path"] for one in told["decisions"]] == ["/after"]


async def test_why_nobody_answers_is_told(console: Console) -> None:
    async with console.events("follow=decisions") as events:
        console.answers.coming.append("it is away")
        _, told = await events.next("decisions")
        assert told["problems"] == ["one: it is away"]


async def test_streams_are_bounded(console: Console) -> None:
    from kuadrant.console.server import MOST_STREAMS

    streams = [console.events() for _ in range(MOST_STREAMS)]
    async with AsyncExitStack() as opened:
        for one in streams:
            await (await opened.enter_async_context(one)).next("shown")
        assert (await console.ask("/api/events"))[0] == 503
        assert (await console.ask("/"))[0] == 200
