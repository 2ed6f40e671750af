"""Counters of `kuadrant run` are for its own user alone."""

from __future__ import annotations

import socket
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
    asked_at = CounterSocket(service, socket_path(8000))
    await asked_at.start()

    masked = await ask_run(8000, CounterQuestion())
    shown = await ask_run(8000, CounterQuestion(values=True))

    assert masked.lines[0].key[0][1].startswith("(masked ")
    assert shown.lines[0].key == (("request.headers['x-user']", "alice"),)
    assert (await ask_run(8000, CounterQuestion(policy="ns/other"))).lines == ()
    assert stat.S_IMODE(socket_path(8000).parent.stat().st_mode) == 0o700
    await asked_at.stop()
    assert not socket_path(8000).exists()


async def test_the_place_of_a_run_that_answers_is_left_to_it(service: RateLimitService) -> None:
    first, second = (CounterSocket(service, socket_path(8000)) for _ in range(2))
    await first.start()
    await second.start()
    assert (first.is_listening, second.is_listening) == (True, False)
    await second.stop()
    assert (await ask_run(8000, CounterQuestion())).lines
    await first.stop()


async def test_the_place_of_a_run_that_was_killed_is_taken(service: RateLimitService) -> None:
    path = socket_path(8000)
    path.parent.mkdir(mode=0o700, parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    one = CounterSocket(service, path)
    await one.start()
    assert (await ask_run(8000, CounterQuestion())).lines
    await one.stop()


async def test_decisions_are_followed_at_the_same_place(service: RateLimitService) -> None:
    asked_at = CounterSocket(service, socket_path(8000))
    await asked_at.start()
    followed = FollowedRun(8000)
    question = DecisionQuestion(headers=("x-user",))

    (first,) = (await followed.ask(question)).values()
    service.decisions.report(b'{"verdict": "allowed", "path": "/a"}', "", 1.0, service.read_clock())
    (second,) = (await followed.ask(question)).values()
    (third,) = (await followed.ask(question)).values()

    assert [[one.path for one in page.decisions] for page in (first, second, third)] == [[], ["/a"], []]
    await asked_at.stop()


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
    asked_at = CounterSocket(service, socket_path(8000))
    await asked_at.start()
    assert (await ask_run(8000, CounterQuestion())).counted == 1
    await asked_at.stop()


async def test_a_folder_that_others_can_enter_is_not_used(service: RateLimitService) -> None:
    socket_path(8000).parent.mkdir()
    socket_path(8000).parent.chmod(0o755)
    asked_at = CounterSocket(service, socket_path(8000))
    await asked_at.start()
    assert not socket_path(8000).exists()
    socket_path(8000).touch()
    with pytest.raises(AwayError, match="mode 0700"):
        await ask_run(8000, CounterQuestion())
