"""Following over real sockets: what the reflector decides is what happens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from kuadrant.kube import reflector, reflector_backoff, reflector_http
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store

from .http_server import Request, Response, serve
from .scripted import THINGS, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Api:
    """The scripted server behind a socket. ``cut`` ends every answer that is under way in the middle."""

    def __init__(self) -> None:
        self.server = Server()
        self.requests: list[dict[str, str]] = []
        self.changed = asyncio.Event()
        self.code: int | None = None
        self.mute = False
        self._cuts = 0

    def change(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def cut(self) -> None:
        self._cuts += 1
        self.change()

    async def handle(self, request: Request, response: Response) -> None:
        self.requests.append(request.parameters)
        if self.code is not None:
            await response.json(self.code, b"no")
            return
        answer = self.server.answer(request.path, request.parameters)
        cuts = self._cuts
        await response.head(answer.code)
        if self.mute:
            await asyncio.Event().wait()
        if answer.body:
            await response.send(answer.body)
        if answer.ends:
            await response.end()
            return
        assert answer.follows is not None
        while True:
            changed = self.changed
            if cuts != self._cuts:
                await response.send(b'{"type": "MODI')
                return
            if lines := self.server.since(answer.follows):
                await response.send(lines)
                answer.follows = self.server.version
            await changed.wait()


class Following:
    """A follower that runs."""

    def __init__(self, store: Store, follower: Follower[Any]) -> None:
        self.store = store
        self.follower = follower
        self.table = store.table(THINGS)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the condition is about what no event tells
                await asyncio.sleep(0.002)

    async def until_equal(self, server: Server) -> None:
        await self.until(
            lambda: (
                {key: entry.resource_version for key, entry in self.table.entries.items()}
                == {key: item["metadata"]["resourceVersion"] for key, item in server.objects.items()}
                and self.table.synced
            )
        )


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(reflector_backoff, "FIRST_DELAY", 0.01)
    return Api()


@pytest.fixture
async def following(api: Api) -> AsyncIterator[Following]:
    async with serve(api.handle) as address, httpx2.AsyncClient(base_url=address) as client:
        store = Store()
        store.add(THINGS)
        follower = Follower(THINGS, store, client)
        task = asyncio.create_task(follower.run())
        yield Following(store, follower)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_there_and_what_comes_is_in_the_store(api: Api, following: Following) -> None:
    api.server.put("ns", "a")
    await following.until_equal(api.server)
    api.server.put("ns", "b", annotations={"note": "a\u0085b"})
    api.server.delete("ns", "a")
    api.change()
    await following.until_equal(api.server)
    assert len(api.requests) == 1


async def test_a_cut_connection_is_resumed_without_a_list(api: Api, following: Following) -> None:
    api.server.put("ns", "a")
    await following.until_equal(api.server)
    for name in "bcd":
        version = api.server.put("ns", name)
        api.change()
        await following.until_equal(api.server)
        requests = len(api.requests)
        api.cut()
        await following.until(lambda requests=requests: len(api.requests) > requests)  # type: ignore[misc]
        assert api.requests[-1]["resourceVersion"] == str(version)


async def test_deletions_during_an_expired_watch_are_not_lost(api: Api, following: Following) -> None:
    for name in "abc":
        api.server.put("ns", name)
    await following.until_equal(api.server)
    api.server.delete("ns", "b")
    api.server.compact()
    api.server.put("ns", "d")
    api.server.compact()
    api.cut()
    await following.until_equal(api.server)


async def test_a_server_that_fails_is_asked_until_it_does_not(api: Api, following: Following) -> None:
    api.server.put("ns", "a")
    await following.until_equal(api.server)
    api.code = 503
    api.cut()
    await following.until(lambda: following.follower.status.problem is not None)
    assert set(following.table.entries) == {("ns", "a")}
    api.code = None
    api.server.put("ns", "b")
    await following.until_equal(api.server)
    await following.until(lambda: following.follower.status.problem is None)


async def test_a_server_without_streaming_lists_will_do(api: Api, following: Following) -> None:
    api.server.streams = False
    for name in "abcde":
        api.server.put("ns", name)
    await following.until_equal(api.server)
    api.server.put("ns", "f")
    api.change()
    await following.until_equal(api.server)


async def test_a_server_that_says_nothing_is_given_up(
    api: Api, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflector, "SILENCE", 0.1)
    await following.until_equal(api.server)
    api.server.put("ns", "a")
    api.mute = True
    api.cut()
    await following.until(lambda: len(api.requests) >= 3)
    api.mute = False
    await following.until_equal(api.server)


async def test_a_server_that_says_something_now_and_then_is_not_given_up(
    api: Api, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    await following.until_equal(api.server)
    monkeypatch.setattr(reflector, "SILENCE", 1.0)
    api.cut()
    await following.until(lambda: len(api.requests) == 2)
    for n in range(6):
        await asyncio.sleep(0.25)
        api.server.put("ns", f"n{n}")
        api.change()
    await following.until_equal(api.server)
    assert len(api.requests) == 2


async def test_a_kind_that_appears_is_found_at_word_of_it(
    api: Api, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflector, "ABSENT_INTERVAL", 1000.0)
    api.server.served = False
    api.cut()
    await following.until(lambda: following.follower.status.phase == "absent")
    assert following.table.synced
    api.server.served = True
    api.server.put("ns", "a")
    following.follower.look_again()
    await following.until_equal(api.server)


async def test_an_unreachable_server_is_named_as_the_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    logger = reflector_http.logger
    monkeypatch.setattr(logger, "warning", lambda message, **_: said.append(message), raising=False)
    async with httpx2.AsyncClient(base_url="http://127.0.0.1:9") as client:
        store = Store()
        store.add(THINGS)
        follower = Follower(THINGS, store, client)
        task = asyncio.create_task(follower.run())
        await Following(store, follower).until(lambda: follower.status.problem is not None)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert "ConnectError" in (follower.status.problem or "")
