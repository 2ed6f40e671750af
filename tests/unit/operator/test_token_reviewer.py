"""What is believed of tokens while the API server cannot be asked."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx2
import pytest

from kuadrant.operator import token_reviewer
from kuadrant.operator.token_reviewer import TokenReviewer
from kuadrant.xds import Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POD = Identity("ns/pod", "")


class ApiServer:
    """Knows one token, as long as it is there."""

    def __init__(self) -> None:
        self.token: str | None = "token"
        self.failure: Exception | int | None = None
        self.asked = asyncio.Event()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.set()
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return httpx2.Response(self.failure, json={"message": "not now"})
        spec = json.loads(request.content)["spec"]
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
        waiting = asyncio.create_task(reviewer.identify(token))
        await self.asked.wait()
        assert not waiting.done()
        return waiting


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    monkeypatch.setattr(token_reviewer, "_AGAIN_SECONDS", 0.01)
    return ApiServer()


@pytest.fixture
async def reviewer(server: ApiServer) -> AsyncIterator[TokenReviewer]:
    transport = httpx2.MockTransport(server.answer)
    async with httpx2.AsyncClient(transport=transport, base_url="https://api") as client:
        yield TokenReviewer(client, ["us"])


FAILURES = [httpx2.ConnectError("refused"), 500, 403]


@pytest.mark.parametrize("failure", FAILURES, ids=["nobody there", "500", "403"])
async def test_a_token_that_was_believed_is_believed_while_nobody_can_be_asked(
    server: ApiServer, reviewer: TokenReviewer, failure: Exception | int
) -> None:
    assert await reviewer.identify("token") == POD
    server.failure = failure
    assert await reviewer.identify("token") == POD


@pytest.mark.parametrize("failure", FAILURES, ids=["nobody there", "500", "403"])
async def test_another_one_waits_until_somebody_can_be_asked(
    server: ApiServer, reviewer: TokenReviewer, failure: Exception | int
) -> None:
    server.failure = failure
    waiting = await server.left_waiting(reviewer, "token")
    server.failure = None
    assert await waiting == POD


async def test_a_token_that_is_no_longer_believed_is_forgotten(
    server: ApiServer, reviewer: TokenReviewer
) -> None:
    await reviewer.identify("token")
    server.token = None
    none = Identity(problem="the API server does not believe it: unknown")
    assert await reviewer.identify("token") == none
    server.failure = 500
    waiting = await server.left_waiting(reviewer, "token")
    server.failure = None
    assert await waiting == none


async def test_only_so_many_are_remembered(
    server: ApiServer, reviewer: TokenReviewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_reviewer, "_REMEMBERED", 1)
    for token in ("first", "second"):
        server.token = token
        assert await reviewer.identify(token) == POD
    server.failure = 500
    assert await reviewer.identify("second") == POD
    waiting = await server.left_waiting(reviewer, "first")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
