"""Whatever happens in whatever order, and wherever connections are cut.

In the end the store has what the server has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kuadrant.kube.reflector import Get, Reflector, Wait
from kuadrant.kube.store import Change, Store

from .scripted import THINGS, Answer, Server, Thing, bookmark, event, status

if TYPE_CHECKING:
    from kuadrant.kube.kind import StoredObject

NAMES = st.sampled_from("abcdefg")


class Cluster(RuleBasedStateMachine):
    """A reflector and a scripted server, and a wire between them that carries as many bytes as it likes."""

    @initialize(streams=st.booleans(), names=st.sets(NAMES), behind=st.integers(0, 5))
    def start(self, streams: bool, names: set[str], behind: int) -> None:
        self.server = Server(streams=streams)
        self.server.behind = behind
        for name in sorted(names):
            self.server.put("ns", name)
        self.store = Store()
        self.table = self.store.add(THINGS, {"parity": lambda entry: [entry.object.spec.value % 2]})
        self.told: dict[Any, StoredObject[Thing]] = {}
        self.store.listen(self.listen)
        self.reflector = Reflector(THINGS, self.table.entries)
        self.now = 0.0
        self.answer: Answer | None = None
        self.wire = b""
        self.lost_sync = False

    def listen(self, changes: tuple[Change[Any], ...]) -> None:
        for change in changes:
            assert change.old is self.told.get(change.key)
            assert change.old is not None or change.new is not None
            if change.new is None:
                del self.told[change.key]
            else:
                self.told[change.key] = change.new

    @rule(name=NAMES)
    def put(self, name: str) -> None:
        if self.server.served:
            self.server.put("ns", name)

    @rule(name=NAMES)
    def put_what_cannot_be_read(self, name: str) -> None:
        if self.server.served:
            self.server.put("ns", name, spec={"value": "no number"})

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if ("ns", name) in self.server.objects:
            self.server.delete("ns", name)

    @rule(name=NAMES)
    def replace(self, name: str) -> None:
        self.delete(name)
        self.put(name)

    @rule()
    def compact(self) -> None:
        self.server.compact()

    @rule()
    def change_whether_it_is_served(self) -> None:
        self.server.served = not self.server.served
        # A CRD takes its objects along, and those who watch them hear of it before their watch is ended.
        for _, name in list(self.server.objects):
            self.delete(name)
        if self.answer is not None and self.answer.follows is not None:
            self.wire += self.server.since(self.answer.follows)
            self.answer.follows = None
            self.answer.ends = True

    @rule()
    def change_whether_it_is_allowed(self) -> None:
        self.server.allowed = not self.server.allowed

    @precondition(lambda self: self.answer is None)
    @rule()
    def ask(self) -> None:
        step = self.reflector.next(self.now)
        if isinstance(step, Wait):
            assert step.until > self.now
            assert step.until - self.now <= 10
            self.now = step.until
            step = self.reflector.next(self.now)
        assert isinstance(step, Get)
        answer = self.answer = self.server.answer(step.path, dict(step.parameters))
        self.wire = answer.body
        self.reflector.respond(answer.code, None, self.now)

    @precondition(lambda self: self.answer is not None)
    @rule(size=st.integers(1, 400))
    def carry(self, size: int) -> None:
        assert self.answer is not None
        if self.answer.follows is not None:
            self.wire += self.server.since(self.answer.follows)
            self.answer.follows = self.server.version
        data, self.wire = self.wire[:size], self.wire[size:]
        if data:
            self.store.receive(THINGS, self.reflector.receive(data, self.now))
        if not self.reflector.reading:
            self.answer = None
        elif not self.wire and self.answer.ends:
            self.end()

    @precondition(lambda self: self.answer is not None)
    @rule()
    def carry_all(self) -> None:
        self.carry(1 << 30)

    @precondition(lambda self: self.answer is not None and self.answer.follows is not None)
    @rule(code=st.sampled_from([410, 500, 504]))
    def send_an_error(self, code: int) -> None:
        assert self.answer is not None
        self.wire += event("ERROR", status(code, "Reason", "the watch has to end"))
        self.answer.follows = None
        self.answer.ends = True

    @precondition(lambda self: self.answer is not None and self.answer.follows is not None)
    @rule()
    def send_a_bookmark(self) -> None:
        assert self.answer is not None
        assert self.answer.follows is not None
        self.wire += bookmark(self.answer.follows)

    @precondition(lambda self: self.answer is not None and self.answer.follows is not None)
    @rule(back=st.integers(1, 10))
    def say_again(self, back: int) -> None:
        assert self.answer is not None
        for _, type_, item in self.server.history[-back:]:
            self.wire += event(type_, item)

    @precondition(lambda self: self.answer is not None)
    @rule()
    def cut(self) -> None:
        self.store.receive(THINGS, self.reflector.end(self.now, "connection reset"))
        self.answer = None

    @precondition(lambda self: self.answer is not None and self.answer.follows is not None)
    @rule()
    def end_a_watch(self) -> None:
        self.end()

    @precondition(lambda self: self.answer is not None)
    @rule()
    def be_silent(self) -> None:
        self.now = self.reflector.deadline
        self.reflector.expire(self.now)
        self.answer = None

    def end(self) -> None:
        self.store.receive(THINGS, self.reflector.end(self.now))
        self.answer = None

    @invariant()
    def what_was_told_is_what_is_there(self) -> None:
        if hasattr(self, "table"):
            assert self.told == dict(self.table.entries)
            found = {entry.key for parity in (0, 1) for entry in self.table.find("parity", parity)}
            assert found == set(self.table.entries)

    @invariant()
    def who_is_synced_stays_synced(self) -> None:
        if hasattr(self, "table"):
            assert self.table.synced or not self.lost_sync
            self.lost_sync = self.table.synced

    def teardown(self) -> None:
        if not hasattr(self, "table"):
            return
        self.server.allowed = True
        for _ in range(40):
            if self.answer is None:
                self.ask()
            self.carry_all()
            follows = self.answer is not None and self.answer.follows is not None
            if self.reflector.status.phase == ("watching" if self.server.served else "absent") and (
                follows or not self.server.served
            ):
                break
        else:
            raise AssertionError(self.reflector.status)
        readable = {
            key: item["metadata"]["resourceVersion"]
            for key, item in self.server.objects.items()
            if isinstance(item["spec"]["value"], int)
        }
        held = {key: entry.resource_version for key, entry in self.table.entries.items()}
        unreadable = self.server.objects.keys() - readable.keys()
        assert {key: version for key, version in held.items() if key not in unreadable} == readable
        assert set(self.table.unreadable) == unreadable
        for key in unreadable & held.keys():
            assert self.table.entries[key].uid == self.server.objects[key]["metadata"]["uid"]


TestAnyOrder = pytest.mark.slow(Cluster.TestCase)
TestAnyOrder.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
