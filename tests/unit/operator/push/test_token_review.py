"""What is believed of tokens while the API server cannot be asked."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx2
import pytest

from kuadrant.operator.push import token_review as token_reviewer
from kuadrant.operator.push.token_review import TokenReviewer
from kuadrant.xds import Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POD = Identity("ns/pod", "")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def later(self) -> None:
        """When no answer counts any more, and before another one is due."""
        self.now += 11.0


class ApiServer:
    """Knows one token, as long as it is there."""

    def __init__(self) -> None:
        self.token: str | None = "token"
        self.failure: Exception | int | None = None
        self.asked = asyncio.Event()
        self.reviews: list[str] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.set()
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return httpx2.Response(self.failure, json={"message": "not now"})
        spec = json.loads(request.content)["spec"]
        self.reviews.append(spec["token"])
        assert spec["audiences"] == ["us"]
        status = {"authenticated": False, "error": "unknown"}
        if spec["token"] == self.token:
            extra = {"authentication.kubernetes.io/pod-name": ["pod"]}
            user = {"username": "system:serviceaccount:ns:account", "extra": extra}
            status = {"authenticated": True, "user": user}
        return httpx2.Response(201, json={"status": status})

    async def left_waiting(self, reviewer: TokenReviewer, token: str) -> asyncio.Task[Identity]:
        """What asks about a token, and has been given no answer yet."""
        self.asked.clear()
        waiting = asyncio.create_task(reviewer.identify(token, "10.0.0.1"))
        await self.asked.wait()
        assert not waiting.done()
        return waiting


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    monkeypatch.setattr(token_reviewer, "AGAIN_SECONDS", 0.01)
    return ApiServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def reviewer(server: ApiServer, clock: Clock) -> AsyncIterator[TokenReviewer]:
    transport = httpx2.MockTransport(server.answer)
    async with httpx2.AsyncClient(transport=transport, base_url="https://api") as client:
        yield TokenReviewer(client, ["us"], clock)


FAILURES = [httpx2.ConnectError("refused"), 500, 403]


@pytest.mark.parametrize("failure", FAILURES, ids=["nobody there", "500", "403"])
async def test_a_token_that_was_believed_is_believed_while_nobody_can_be_asked(
    server: ApiServer, reviewer: TokenReviewer, clock: Clock, failure: Exception | int
) -> None:
    assert await reviewer.identify("token", "10.0.0.1") == POD
    server.failure = failure
    clock.later()
    server.asked.clear()
    assert await reviewer.identify("token", "10.0.0.1") == POD
    assert server.asked.is_set()


@pytest.mark.parametrize("failure", FAILURES, ids=["nobody there", "500", "403"])
async def test_another_one_waits_until_somebody_can_be_asked(
    server: ApiServer, reviewer: TokenReviewer, failure: Exception | int
) -> None:
    server.failure = failure
    waiting = await server.left_waiting(reviewer, "token")
    server.failure = None
    assert await waiting == POD


async def test_a_token_that_is_no_longer_believed_is_forgotten(
    server: ApiServer, reviewer: TokenReviewer, clock: Clock
) -> None:
    await reviewer.identify("token", "10.0.0.1")
    server.token = None
    clock.later()
    none = Identity(problem="the API server does not believe it: unknown")
    assert await reviewer.identify("token", "10.0.0.1") == none
    clock.later()
    server.failure = 500
    waiting = await server.left_waiting(reviewer, "token")
    server.failure = None
    assert await waiting == none


async def test_only_so_many_are_remembered(
    server: ApiServer, reviewer: TokenReviewer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_reviewer, "_REMEMBERED", 1)
    for token in ("first", "second"):
        server.token = token
        assert await reviewer.identify(token, "10.0.0.1") == POD
    server.failure = 500
    clock.later()
    assert await reviewer.identify("second", "10.0.0.1") == POD
    waiting = await server.left_waiting(reviewer, "first")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_an_answer_counts_for_a_while_whatever_it_is(
    server: ApiServer, reviewer: TokenReviewer, clock: Clock
) -> None:
    for _ in range(3):
        assert await reviewer.identify("token", "10.0.0.1") == POD
        assert not (await reviewer.identify("junk", "10.0.0.1")).pod
    assert server.reviews == ["token", "junk"]
    clock.later()
    await reviewer.identify("token", "10.0.0.1")
    assert server.reviews == ["token", "junk", "token"]


async def test_junk_of_an_address_costs_few_reviews_and_keeps_nobody_elses_waiting(
    server: ApiServer, reviewer: TokenReviewer, clock: Clock
) -> None:
    """2,050 junk tokens were all reviewed, and a gateway that came after them waited for 10 s."""
    junk = await asyncio.gather(*(reviewer.identify(f"junk {number}", "10.0.0.6") for number in range(2050)))
    assert len(server.reviews) == 16
    assert {one.problem for one in junk[16:]} == {
        "its address has shown too many that prove nothing; it may show another one later"
    }
    assert await reviewer.identify("token", "10.0.0.1") == POD
    clock.now = 10.0
    await asyncio.gather(*(reviewer.identify(f"more {number}", "10.0.0.6") for number in range(50)))
    assert len(server.reviews) == 16 + 1 + 2


async def test_a_token_that_was_believed_is_reviewed_whatever_else_its_address_shows(
    server: ApiServer, reviewer: TokenReviewer, clock: Clock
) -> None:
    """Pods that share their node's address share what it may ask."""
    assert await reviewer.identify("token", "10.0.0.1") == POD
    clock.later()
    for number in range(100):
        await reviewer.identify(f"junk {number}", "10.0.0.1")
    assert await reviewer.identify("token", "10.0.0.1") == POD
    assert server.reviews[-1] == "token"
