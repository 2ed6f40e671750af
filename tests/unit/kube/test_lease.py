"""Never two leaders, whatever is delayed or lost; and one soon, if nothing is."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kuadrant.kube.lease import (
    DEADLINE,
    DURATION,
    INTERVAL,
    RETRY,
    Elector,
    Request,
    Timing,
    Wait,
)
from kuadrant.kube.lease_http import Leadership

from .http_server import serve

if TYPE_CHECKING:
    from .http_server import Request as HttpRequest
    from .http_server import Response

KEY = ("kuadrant-system", "kuadrant-operator")
PATH = "/apis/coordination.k8s.io/v1/namespaces/kuadrant-system/leases"


class LeaseServer:
    """One Lease as the API server keeps it: every write names the version that it replaces, or creates."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0

    def answer(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        assert path == (PATH if method == "POST" else f"{PATH}/kuadrant-operator")
        if method == "GET":
            return (200, self._bytes()) if self.lease else (404, b"")
        assert body is not None
        wanted = json.loads(body)
        version = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if method == "PUT" and version is None:
            return 404, b""
        if (None if method == "POST" else wanted["metadata"]["resourceVersion"]) != version:
            return 409, b""
        self.version += 1
        self.lease = {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": str(self.version)}}
        return (201 if method == "POST" else 200), self._bytes()

    def _bytes(self) -> bytes:
        return json.dumps(self.lease).encode()


class Candidate:
    """An elector with its own idea of the time, and what is on the wire between it and the server."""

    def __init__(self, name: str, offset: float, at: float) -> None:
        self.elector = Elector(KEY, name, random=lambda: 0.5)
        self.offset = offset
        self.request: Request | None = None
        self.answer: tuple[int, bytes] | None = None
        self.next_at = at

    def now(self, true: float) -> float:
        return true + self.offset

    def ask(self, true: float) -> None:
        if self.request is None:
            step = self.elector.next(self.now(true), "2026-01-01T00:00:00.000000Z")
            if isinstance(step, Request):
                self.request = step

    def reach(self, server: LeaseServer) -> None:
        if self.request is not None and self.answer is None:
            self.answer = server.answer(self.request.method, self.request.path, self.request.body)

    def hear(self, true: float) -> None:
        if self.answer is not None:
            answer, self.request, self.answer = self.answer, None, None
            self.elector.receive(*answer, self.now(true))

    def give_up(self, true: float) -> Request | None:
        """No answer came. If the request did not reach the server yet, it still may."""
        request, reached = self.request, self.answer is not None
        if request is None:
            return None
        self.request = self.answer = None
        self.elector.receive(0, b"timeout", self.now(true))
        return None if reached else request

    def leads(self, true: float) -> bool:
        return self.elector.leads(self.now(true))


WHO = st.integers(0, 2)


class Election(RuleBasedStateMachine):
    """Three candidates whose clocks differ by days, on a wire that delays, loses and delivers late."""

    @initialize(offsets=st.lists(st.floats(0, 1e6), min_size=3, max_size=3))
    def start(self, offsets: list[float]) -> None:
        self.true = 0.0
        self.server = LeaseServer()
        self.late: list[Request] = []
        self.count = 3
        self.candidates = [Candidate(f"candidate-{n}", offset, 0) for n, offset in enumerate(offsets)]

    @rule(seconds=st.one_of(st.floats(0, 3), st.floats(0, 20)))
    def wait(self, seconds: float) -> None:
        self.true += seconds

    @rule(who=WHO)
    def ask(self, who: int) -> None:
        self.candidates[who].ask(self.true)

    @rule(who=WHO)
    def reach(self, who: int) -> None:
        self.candidates[who].reach(self.server)

    @rule(who=WHO)
    def hear(self, who: int) -> None:
        self.candidates[who].hear(self.true)

    @rule(who=WHO)
    def round_trip(self, who: int) -> None:
        self.ask(who)
        self.reach(who)
        self.hear(who)

    @rule(who=WHO)
    def give_up(self, who: int) -> None:
        late = self.candidates[who].give_up(self.true)
        if late is not None:
            self.late.append(late)

    @rule()
    def deliver_late(self) -> None:
        if self.late:
            request = self.late.pop(0)
            self.server.answer(request.method, request.path, request.body)

    @rule(who=WHO, told=st.booleans())
    def stop_and_start_another(self, who: int, told: bool) -> None:
        candidate = self.candidates[who]
        if candidate.request is not None and candidate.answer is None:
            self.late.append(candidate.request)
        release = candidate.elector.release("2026-01-01T00:00:00.000000Z") if told else None
        assert not told or not candidate.leads(self.true)
        if release is not None:
            self.server.answer(release.method, release.path, release.body)
        self.candidates[who] = Candidate(f"candidate-{self.count}", candidate.offset, self.true)
        self.count += 1
        if not told:
            # It was killed: nobody leads, but nobody else knows.
            return

    @invariant()
    def there_are_never_two_leaders(self) -> None:
        if hasattr(self, "candidates"):
            assert sum(candidate.leads(self.true) for candidate in self.candidates) <= 1

    @invariant()
    def a_leader_is_the_holder(self) -> None:
        if hasattr(self, "candidates"):
            for candidate in self.candidates:
                if candidate.leads(self.true):
                    assert self.server.lease is not None
                    assert self.server.lease["spec"]["holderIdentity"] == candidate.elector._identity

    def teardown(self) -> None:
        if not hasattr(self, "candidates"):
            return
        for candidate in self.candidates:
            candidate.give_up(self.true)
        end = self.true + DURATION + 4 * INTERVAL
        while self.true < end:
            self.true += 0.25
            for who in range(3):
                self.round_trip(who)
                self.there_are_never_two_leaders()
        assert any(candidate.leads(self.true) for candidate in self.candidates)


TestElection = pytest.mark.slow(Election.TestCase)
TestElection.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


class Duel:
    """Two candidates and a wire that works."""

    def __init__(self) -> None:
        self.server = LeaseServer()
        self.true = 0.0
        self.first = Candidate("first", 0, 0)
        self.second = Candidate("second", 1000, 0)

    def go(self, seconds: float, *candidates: Candidate) -> None:
        end = self.true + seconds
        while self.true < end:
            for candidate in candidates:
                candidate.ask(self.true)
                candidate.reach(self.server)
                candidate.hear(self.true)
            self.true += 0.1


@pytest.fixture
def duel() -> Duel:
    duel = Duel()
    duel.go(1, duel.first, duel.second)
    assert duel.first.leads(duel.true)
    return duel


def test_the_lease_is_renewed_and_names_its_holder(duel: Duel) -> None:
    duel.go(60, duel.first, duel.second)
    assert duel.first.leads(duel.true)
    assert duel.second.elector.holder == "first"
    assert duel.server.lease is not None
    assert duel.server.lease["spec"] == {
        "holderIdentity": "first",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "leaseTransitions": 1,
    }


def test_at_rest_a_candidate_only_reads(duel: Duel) -> None:
    writes = duel.server.version
    duel.go(10, duel.second)
    assert duel.server.version == writes


def test_a_leader_that_cannot_renew_leads_no_more_before_anybody_else_does(duel: Duel) -> None:
    duel.go(DEADLINE, duel.second)
    assert not duel.first.leads(duel.true)
    assert not duel.second.leads(duel.true)
    duel.go(DURATION - DEADLINE + INTERVAL * 2, duel.second)
    assert duel.second.leads(duel.true)


def test_a_lease_that_stayed_as_it_is_is_taken_as_soon_as_it_is_free(duel: Duel) -> None:
    # It saw the Lease in the first half of the second that is over.
    duel.go(DURATION - 0.5, duel.second)
    assert duel.second.leads(duel.true)


def test_a_late_answer_makes_nobody_leader_for_longer_than_from_when_it_was_asked_for(duel: Duel) -> None:
    duel.true += INTERVAL * 1.3
    duel.first.ask(duel.true)
    duel.first.reach(duel.server)
    duel.go(DURATION - 1, duel.second)
    duel.first.hear(duel.true)
    duel.go(INTERVAL * 2, duel.second)
    assert duel.second.leads(duel.true)
    assert not duel.first.leads(duel.true)


def test_a_freed_lease_is_taken_at_the_next_look(duel: Duel) -> None:
    request = duel.first.elector.release("2026-01-01T00:00:00.000000Z")
    assert request is not None
    assert not duel.first.leads(duel.true)
    duel.server.answer(request.method, request.path, request.body)
    duel.go(INTERVAL * 1.3, duel.second)
    assert duel.second.leads(duel.true)


def test_who_does_not_lead_frees_nothing(duel: Duel) -> None:
    assert duel.second.elector.release("") is None


def test_who_released_asks_no_more(duel: Duel) -> None:
    duel.first.elector.release("")
    assert duel.first.elector.next(duel.true + 100, "") == Wait(float("inf"))


def test_a_leader_hears_of_another_holder_and_leads_no_more(duel: Duel) -> None:
    assert duel.server.lease is not None
    duel.server.version += 1
    duel.server.lease["metadata"]["resourceVersion"] = str(duel.server.version)
    duel.server.lease["spec"]["holderIdentity"] = "somebody"
    duel.go(INTERVAL * 1.3, duel.first)
    assert not duel.first.leads(duel.true)
    assert duel.first.elector.holder == "somebody"


def test_a_deleted_lease_is_made_again_by_the_leader(duel: Duel) -> None:
    duel.server.lease = None
    duel.go(INTERVAL * 1.3, duel.first)
    assert duel.first.leads(duel.true)
    assert duel.server.lease is not None


def test_a_leader_whose_answer_was_lost_looks_soon_and_keeps_leading(duel: Duel) -> None:
    duel.true += INTERVAL * 1.3
    duel.first.ask(duel.true)
    duel.first.reach(duel.server)
    duel.true += 3
    duel.first.give_up(duel.true)
    duel.go(RETRY + 0.3, duel.first)
    assert duel.first.leads(duel.true + DEADLINE - 1)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"metadata": 5}'])
def test_an_answer_that_is_no_lease_is_told_and_makes_nobody_leader(body: bytes) -> None:
    elector = Elector(KEY, "first")
    assert isinstance(elector.next(0, ""), Request)
    elector.receive(200, body, 0)
    assert not elector.leads(0)
    assert elector.problem is not None


def test_a_lease_without_a_spec_is_free() -> None:
    elector = Elector(KEY, "first")
    elector.next(0, "")
    elector.receive(200, b'{"metadata": {"resourceVersion": "5"}}', 0)
    request = elector.next(0, "")
    assert isinstance(request, Request)
    assert request.method == "PUT"


def test_another_duration_changes_all_times_in_proportion() -> None:
    timing = Timing.of(3)
    elector = Elector(KEY, "first", timing=timing)
    elector.next(0, "")
    elector.receive(404, b"", 0)
    request = elector.next(0, "")
    assert isinstance(request, Request)
    assert json.loads(request.body or b"")["spec"]["leaseDurationSeconds"] == 3
    assert timing.request < timing.deadline < timing.duration


def test_missing_rights_are_told() -> None:
    elector = Elector(KEY, "first")
    elector.next(0, "")
    elector.receive(403, b'{"kind": "Status", "message": "User x cannot get leases"}', 0)
    assert elector.problem == f"GET {PATH}/kuadrant-operator: 403 User x cannot get leases"


async def test_over_http_one_leads_and_the_other_follows_when_it_stops() -> None:
    timing = Timing(interval=0.02)
    server = LeaseServer()

    async def handle(request: HttpRequest, response: Response) -> None:
        await response.json(*server.answer(request.method, request.path, request.body))

    async with serve(handle) as address, httpx2.AsyncClient(base_url=address) as client, asyncio.timeout(10):
        first, second = (Leadership(KEY, name, client, timing) for name in ("first", "second"))
        first_task = asyncio.create_task(first.run())
        await first.acquired()
        second_task = asyncio.create_task(second.run())
        first_task.cancel()
        await asyncio.gather(first_task, return_exceptions=True)
        await first.lost()
        assert not first.leads
        await second.acquired()
        assert second.leads
        second_task.cancel()
        await asyncio.gather(second_task, return_exceptions=True)
        assert server.lease is not None
        assert server.lease["spec"]["holderIdentity"] == ""


async def test_over_http_a_leader_that_hears_nothing_is_told_that_it_lost() -> None:
    timing = Timing(interval=0.02, deadline=0.2, request=0.05)
    server = LeaseServer()
    mute = asyncio.Event()

    async def handle(request: HttpRequest, response: Response) -> None:
        if mute.is_set():
            await asyncio.Event().wait()
        await response.json(*server.answer(request.method, request.path, request.body))

    async with serve(handle) as address, httpx2.AsyncClient(base_url=address) as client, asyncio.timeout(10):
        leadership = Leadership(KEY, "first", client, timing)
        task = asyncio.create_task(leadership.run())
        await leadership.acquired()
        mute.set()
        await leadership.lost()
        assert not leadership.leads
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
