"""Who gets which counters at the port: strangers nothing, readers masked ones, who has the key all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kuadrant.api.counter_page import PATH, PROOF_HEADER, CounterPage, proof
from kuadrant.api.decision_page import PATH as DECISIONS_PATH
from kuadrant.api.decision_page import DecisionPage
from kuadrant.api.limit_calls import PATH as CALLS_PATH
from kuadrant.api.limit_calls import CallTotals
from kuadrant.operations import UID_HEADER
from kuadrant.policy.identifiers import limit_identifier
from kuadrant.ratelimit import RateLimitService
from kuadrant.ratelimit_follower.counter_port import counter_server
from kuadrant.settings import RatelimitSettings
from kuadrant.wasm.http_request import Request
from tests.unit.ratelimit.asking import asking
from tests.unit.ratelimit.standing import EACH

if TYPE_CHECKING:
    from kuadrant.wasm.http_response import Response

KEY = b"k" * 32
UID = "0a1b"
STRANGER = "10.0.0.9"
NOW = 1_000.0
READER = {UID_HEADER: UID}


def _answer(headers: dict[str, str], *, query: str = "", uid: str = UID, peer: str = STRANGER) -> Response:
    service = RateLimitService((EACH,))
    service.callers.hold((KEY,), "")
    key = limit_identifier("ns/p", "each")
    user: Any = {"request.headers['x-user']": "alice"}
    service.decide(asking(key, domain="ns/route", **user))
    server = counter_server(service, RatelimitSettings(pod_uid=uid), now=lambda: NOW)
    return server.answer(Request("GET", f"{PATH}{query}", "1.1", headers, keep_alive=True), peer)


def _page(headers: dict[str, str], **more: str) -> CounterPage:
    answer = _answer(headers, **more)
    assert answer.status == 200
    return msgspec.json.decode(bytes(answer.body), type=CounterPage)


@pytest.mark.parametrize(
    "headers", [{}, {UID_HEADER: "another"}, {UID_HEADER: ""}, {PROOF_HEADER: proof(KEY, UID, NOW)}]
)
def test_a_stranger_learns_nothing(headers: dict[str, str]) -> None:
    answer = _answer(headers)
    assert answer.status == 403
    assert b"each" not in bytes(answer.body)


def test_where_the_pod_does_not_know_its_uid_nobody_shows_it() -> None:
    assert _answer({UID_HEADER: ""}, uid="").status == 403


def test_who_may_read_the_pod_gets_counters_with_values_masked() -> None:
    page = _page(READER)
    (line,) = page.lines
    ((name, value),) = line.key
    assert (page.masked, line.value, line.remaining, name) == (True, 1, 3, "request.headers['x-user']")
    assert value.startswith("(masked ")


def test_who_is_in_the_pod_gets_no_more() -> None:
    assert _page({}, peer="127.0.0.1").masked


def test_who_has_the_key_gets_values() -> None:
    page = _page(READER | {PROOF_HEADER: proof(KEY, UID, NOW)})
    assert (page.masked, page.lines[0].key) == (False, (("request.headers['x-user']", "alice"),))


@pytest.mark.parametrize(
    "shown", [proof(b"o" * 32, UID, NOW), proof(KEY, "another", NOW), proof(KEY, UID, NOW - 99), "1"]
)
def test_a_wrong_proof_is_none(shown: str) -> None:
    assert _page(READER | {PROOF_HEADER: shown}).masked


@pytest.mark.parametrize(
    ("query", "told"), [("?policy=ns/p", 1), ("?policy=ns/q", 0), ("?most=0", 1), ("?most=x", 1)]
)
def test_a_question_may_be_for_one_policy_and_whatever_it_is_it_is_answered(query: str, told: int) -> None:
    assert len(_page(READER, query=query).lines) == told


def test_decisions_are_told_to_the_same_and_their_values_as_little() -> None:
    service = RateLimitService((EACH,))
    service.callers.hold((KEY,), "")
    server = counter_server(service, RatelimitSettings(pod_uid=UID), now=lambda: NOW)

    def ask(headers: dict[str, str], query: str = "") -> Response:
        target = f"{DECISIONS_PATH}?headers=x-user,x-plan{query}"
        return server.answer(Request("GET", target, "1.1", headers, keep_alive=True), STRANGER)

    def page(headers: dict[str, str], query: str = "") -> DecisionPage:
        return msgspec.json.decode(bytes(ask(headers, query).body), type=DecisionPage)

    assert ask({}).status == 403
    begin = page(READER)
    reported = b'{"verdict": "limited", "headers": {"x-user": "alice"}, "policies": ["ns/p"]}'
    service.decisions.report(reported, "", NOW, service.read_clock())
    proven = {**READER, PROOF_HEADER: proof(KEY, UID, NOW)}
    for asked, shown in ((READER, False), (proven, True)):
        service_page = page(asked, f"&after={begin.next}&policy=ns/p")
        while not service_page.decisions:
            service_page = page(asked, f"&after={begin.next}&policy=ns/p")
        assert ("alice" in service_page.decisions[0].headers.values()) is shown
    assert page(READER, "&after=nonsense").decisions == ()


def test_calls_are_for_who_knows_the_pod_and_one_look_does_for_all() -> None:
    service = RateLimitService((EACH,))
    user: Any = {"request.headers['x-user']": "alice"}
    service.decide(asking(limit_identifier("ns/p", "each"), domain="ns/route", **user))
    server = counter_server(service, RatelimitSettings(pod_uid=UID), now=lambda: NOW)

    def answer(headers: dict[str, str]) -> Response:
        return server.answer(Request("GET", CALLS_PATH, "1.1", headers, keep_alive=True), STRANGER)

    assert answer({}).status == 403
    told = msgspec.json.decode(bytes(answer(READER).body), type=CallTotals)
    assert [(one.scope, one.admitted) for one in told.scopes] == [("ns/route", 1)]
    service.decide(asking(limit_identifier("ns/p", "each"), domain="ns/route", **user))
    assert bytes(answer(READER).body) == msgspec.json.encode(told)
