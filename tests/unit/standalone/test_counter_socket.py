"""Counters of `kuadrant run` are for its own user alone."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api.decision_page import DecisionQuestion
from kuadrant.policy.identifiers import limit_identifier
from kuadrant.ratelimit import RateLimitService
from kuadrant.standalone.counter_socket import (
    AwayError,
    CounterQuestion,
    CounterSocket,
    FollowedRun,
    ask_run,
    socket_path,
)
from tests.unit.ratelimit.asking import asking
from tests.unit.ratelimit.standing import EACH

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RateLimitService:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    service = RateLimitService((EACH,))
    key = limit_identifier("ns/p", "each")
    user: Any = {"request.headers['x-user']": "alice"}
    service.decide(asking(key, domain="ns/route", **user))
    return service


async def test_its_user_asks_and_gets_values_if_he_wants(service: RateLimitService) -> None:
    socket = CounterSocket(service, socket_path(8000))
    await socket.start()

    masked = await ask_run(8000, CounterQuestion())
    shown = await ask_run(8000, CounterQuestion(values=True))

    assert masked.lines[0].key[0][1].startswith("(masked ")
    assert shown.lines[0].key == (("request.headers['x-user']", "alice"),)
    assert (await ask_run(8000, CounterQuestion(policy="ns/other"))).lines == ()
    assert stat.S_IMODE(socket_path(8000).parent.stat().st_mode) == 0o700
    await socket.stop()
    assert not socket_path(8000).exists()


async def test_decisions_are_followed_at_the_same_place(service: RateLimitService) -> None:
    socket = CounterSocket(service, socket_path(8000))
    await socket.start()
    followed = FollowedRun(8000)
    question = DecisionQuestion(headers=("x-user",))

    (first,) = (await followed.ask(question)).values()
    service.decisions.report(b'{"verdict": "allowed", "path": "/a"}', "", 1.0, service.read_clock())
    (second,) = (await followed.ask(question)).values()
    (third,) = (await followed.ask(question)).values()

    assert [[one.path for one in page.decisions] for page in (first, second, third)] == [[], ["/a"], []]
    await socket.stop()


@pytest.mark.usefixtures("service")
async def test_without_a_run_it_is_said() -> None:
    with pytest.raises(AwayError, match="no kuadrant run of yours has port 8000"):
        await ask_run(8000, CounterQuestion())
    socket_path(8000).parent.mkdir(mode=0o700)
    socket_path(8000).touch()
    with pytest.raises(AwayError, match="does not answer"):
        await ask_run(8000, CounterQuestion())


async def test_one_that_was_left_by_a_killed_run_is_replaced(service: RateLimitService) -> None:
    socket_path(8000).parent.mkdir(mode=0o700)
    socket_path(8000).touch()
    socket = CounterSocket(service, socket_path(8000))
    await socket.start()
    assert (await ask_run(8000, CounterQuestion())).counted == 1
    await socket.stop()


async def test_a_folder_that_others_can_enter_is_not_used(service: RateLimitService) -> None:
    socket_path(8000).parent.mkdir()
    socket_path(8000).parent.chmod(0o755)
    socket = CounterSocket(service, socket_path(8000))
    await socket.start()
    assert not socket_path(8000).exists()
    socket_path(8000).touch()
    with pytest.raises(AwayError, match="mode 0700"):
        await ask_run(8000, CounterQuestion())
