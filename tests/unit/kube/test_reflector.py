"""The rules of list and watch as playbooks: what comes in, what comes out, and what is asked for next."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.kube.kind import Deleted, Labelled, Listing, StoredObject, Unreadable
from kuadrant.kube.reflector import ABSENT_INTERVAL, SILENCE, Get, Reflector, Wait
from kuadrant.kube.reflector_backoff import LONGEST_DELAY
from kuadrant.kube.store import Store

from .scripted import THINGS, Answer, Server, Thing, bookmark, encode, event, expired, status


class Play:
    """A reflector, its store and a clock; ``ask`` skips every wait."""

    def __init__(self) -> None:
        self.store = Store()
        self.table = self.store.add(THINGS)
        self.reflector = Reflector(THINGS, self.table.entries, random=lambda: 1.0)
        self.now = 1000.0
        self.waited = 0.0

    def ask(self) -> dict[str, str]:
        self.waited = 0.0
        step = self.reflector.next(self.now)
        if isinstance(step, Wait):
            self.waited = step.until - self.now
            self.now = step.until
            step = self.reflector.next(self.now)
        assert isinstance(step, Get)
        assert step.path == "/apis/example.com/v1/things"
        return dict(step.parameters)

    def open(self, code: int = 200, retry_after: str | None = None) -> None:
        self.reflector.respond(code, retry_after, self.now)

    def feed(self, data: bytes) -> list[Any]:
        return self._seen(self.reflector.receive(data, self.now))

    def end(self, error: str | None = None) -> list[Any]:
        return self._seen(self.reflector.end(self.now, error))

    def refuse(self, code: int, body: bytes, retry_after: str | None = None) -> list[Any]:
        self.open(code, retry_after)
        return [*self.feed(body), *self.end()]

    def give(self, answer: Answer) -> list[Any]:
        self.open(answer.code)
        return [*self.feed(answer.body), *(self.end() if answer.ends and self.reflector.reading else [])]

    def _seen(self, outputs: list[Any]) -> list[Any]:
        self.store.receive(THINGS, outputs)
        return [brief(output) for output in outputs]

    @property
    def names(self) -> list[str]:
        return sorted(name for _, name in self.table.entries)

    @property
    def problem(self) -> str:
        problem = self.reflector.status.problem
        assert problem is not None
        return problem


def brief(output: Any) -> Any:
    match output:
        case Listing():
            return "all", sorted(name for _, name in output.entries)
        case StoredObject():
            return "put", output.key[1]
        case Deleted():
            return "deleted", output.key[1]
        case Unreadable():
            return "unreadable", output.key and output.key[1]
    raise AssertionError(output)


def item(name: str, version: int, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": spec}


def page(version: int, *items: dict[str, Any], token: str = "") -> bytes:
    return encode({"metadata": {"resourceVersion": str(version), "continue": token}, "items": list(items)})


@pytest.fixture
def play() -> Play:
    return Play()


@pytest.fixture
def watching() -> Play:
    """A play that has a and b at version 10, and whose watch from there is open."""
    play = Play()
    play.ask()
    play.refuse(422, encode(status(422, "Invalid", "sendInitialEvents: Forbidden")))
    play.ask()
    play.open()
    play.feed(page(10, item("a", 5), item("b", 6)))
    play.end()
    assert play.ask()["resourceVersion"] == "10"
    play.open()
    return play


class TestList:
    def test_asks_for_a_streaming_list_that_is_as_new_as_can_be(self, play: Play) -> None:
        parameters = play.ask()
        assert parameters["sendInitialEvents"] == "true"
        assert parameters["resourceVersionMatch"] == "NotOlderThan"
        assert parameters["allowWatchBookmarks"] == "true"
        assert "resourceVersion" not in parameters

    def test_a_streaming_list_comes_out_whole_at_its_bookmark_and_goes_on_as_a_watch(
        self, play: Play
    ) -> None:
        play.ask()
        play.open()
        assert play.feed(event("ADDED", item("a", 5)) + bookmark(7) + event("ADDED", item("b", 6))) == []
        assert not play.table.synced
        assert play.feed(bookmark(10, initial_end=True) + event("ADDED", item("c", 11))) == [
            ("all", ["a", "b"]),
            ("put", "c"),
        ]
        assert play.table.synced
        assert play.reflector.status.phase == "watching"

    def test_changes_may_come_before_the_end_of_a_streaming_list(self, play: Play) -> None:
        play.ask()
        play.open()
        play.feed(event("ADDED", item("a", 5)) + event("ADDED", item("b", 6)) + event("ADDED", item("c", 7)))
        play.feed(event("DELETED", item("a", 8)) + event("MODIFIED", item("b", 9)))
        play.feed(
            event("MODIFIED", item("c", 10, value="no number")) + event("ADDED", item("d", 11, value="no"))
        )
        play.feed(event("MODIFIED", item("d", 12)))
        assert play.feed(bookmark(12, initial_end=True)) == [("all", ["b", "d"])]
        assert play.table.entries["ns", "b"].resource_version == "9"
        assert set(play.table.unreadable) == {("ns", "c")}

    def test_an_empty_kind_is_synced(self, play: Play) -> None:
        play.ask()
        play.open()
        assert play.feed(bookmark(10, initial_end=True)) == [("all", [])]
        assert play.table.synced

    def test_a_server_without_streaming_lists_is_asked_for_pages_at_once_and_ever_after(
        self, play: Play
    ) -> None:
        play.ask()
        play.refuse(422, encode(status(422, "Invalid", "sendInitialEvents: Forbidden")))
        assert play.ask() == {"limit": "500"}
        assert play.waited == 0
        play.open()
        play.feed(page(10))
        play.end()
        play.ask()
        play.open()
        play.feed(expired())
        assert play.ask() == {"limit": "500"}

    def test_pages_follow_each_other_and_come_out_whole(self, play: Play) -> None:
        play.ask()
        play.refuse(400, b"")
        play.ask()
        play.open()
        assert play.feed(page(10, item("a", 5), token="more")) == []
        assert play.end() == []
        assert play.ask() == {"limit": "500", "continue": "more"}
        play.open()
        play.feed(page(10, item("b", 6)))
        assert play.end() == [("all", ["a", "b"])]
        assert play.ask()["resourceVersion"] == "10"

    def test_items_may_be_null(self, play: Play) -> None:
        play.ask()
        play.refuse(400, b"")
        play.ask()
        play.open()
        play.feed(b'{"metadata":{"resourceVersion":"3"},"items":null}')
        assert play.end() == [("all", [])]

    def test_a_page_that_breaks_off_is_asked_for_again(self, play: Play) -> None:
        play.ask()
        play.refuse(400, b"")
        play.ask()
        play.open()
        play.feed(page(10, item("a", 5), token="more"))
        play.end()
        play.ask()
        play.open()
        play.feed(page(10, item("b", 6))[:20])
        assert play.end("connection reset") == []
        assert play.ask()["continue"] == "more"
        assert play.waited > 0

    def test_a_page_that_is_cut_without_an_error_is_no_list(self, play: Play) -> None:
        play.ask()
        play.refuse(400, b"")
        play.ask()
        play.open()
        play.feed(page(10, item("a", 5))[:-3])
        assert play.end() == []
        assert not play.table.synced
        assert "what came is no list" in play.problem

    def test_an_expired_token_means_the_whole_list_in_one_piece(self, play: Play) -> None:
        play.ask()
        play.refuse(400, b"")
        play.ask()
        play.open()
        play.feed(page(10, item("a", 5), token="more"))
        play.end()
        play.ask()
        assert play.refuse(410, encode(status(410, "Expired", "too old"))) == []
        assert play.ask() == {}
        play.open()
        play.feed(page(20, item("b", 6)))
        assert play.end() == [("all", ["b"])]

    @pytest.mark.parametrize("how", ["end", "cut", "silence", "error", "garbage"])
    def test_a_streaming_list_that_fails_is_replaced_by_pages_until_a_list_succeeded(
        self, play: Play, how: str
    ) -> None:
        play.ask()
        play.open()
        play.feed(event("ADDED", item("a", 5)))
        match how:
            case "end":
                play.end()
            case "cut":
                play.end("connection reset")
            case "silence":
                play.reflector.expire(play.now + SILENCE)
            case "error":
                play.feed(event("ERROR", status(504, "Timeout", "Too large resource version")))
            case _:
                play.feed(b"<html>\n")
        assert play.ask() == {"limit": "500"}
        play.open()
        play.feed(page(10, item("b", 6)))
        assert play.end() == [("all", ["b"])]
        play.ask()
        play.open()
        play.feed(expired())
        assert play.ask()["sendInitialEvents"] == "true"


class TestWatch:
    def test_changes_come_out_one_by_one(self, watching: Play) -> None:
        lines = [
            event("ADDED", item("c", 11)),
            event("MODIFIED", item("a", 12)),
            event("DELETED", item("b", 13)),
        ]
        assert watching.feed(b"".join(lines)) == [("put", "c"), ("put", "a"), ("deleted", "b")]
        assert watching.names == ["a", "c"]

    def test_only_a_line_feed_ends_a_line(self, watching: Play) -> None:
        annotation = "a\u0085b\u2028c\u2029d\x1ce\x0bf\x0cg\rh"
        thing = item("c", 11)
        thing["metadata"]["annotations"] = {"note": annotation}
        assert b"\xc2\x85" in event("ADDED", thing)
        assert watching.feed(event("ADDED", thing)) == [("put", "c")]
        found = watching.table.get("ns", "c")
        assert isinstance(found, Thing)
        assert found.metadata.annotations == {"note": annotation}

    def test_half_a_line_is_dropped_and_the_watch_resumed_without_a_list(self, watching: Play) -> None:
        line = event("ADDED", item("d", 12))
        assert watching.feed(event("ADDED", item("c", 11)) + line[:-1]) == [("put", "c")]
        assert watching.end("connection reset") == []
        assert watching.ask()["resourceVersion"] == "11"
        watching.open()
        assert watching.feed(line) == [("put", "d")]

    def test_a_bookmark_moves_the_version_on(self, watching: Play) -> None:
        assert watching.feed(bookmark(500)) == []
        watching.end()
        assert watching.ask()["resourceVersion"] == "500"

    @pytest.mark.parametrize(
        "older",
        [
            event("MODIFIED", item("a", 12)),
            event("ADDED", item("z", 12)),
            event("DELETED", item("a", 12)),
            bookmark(12),
        ],
        ids=["modified", "added", "deleted", "bookmark"],
    )
    def test_a_watch_that_goes_back_is_not_followed_and_everything_is_listed_anew(
        self, watching: Play, older: bytes
    ) -> None:
        assert watching.feed(event("MODIFIED", item("a", 20))) == [("put", "a")]
        assert watching.feed(older + event("MODIFIED", item("b", 21))) == []
        assert not watching.reflector.reading
        assert "goes back" in watching.problem
        assert watching.ask() == {"limit": "500"}
        assert watching.waited

    def test_an_end_of_the_server_is_resumed_at_once(self, watching: Play) -> None:
        watching.feed(bookmark(11))
        watching.end()
        watching.ask()
        assert watching.waited == 0

    def test_all_watches_do_not_end_together(self, watching: Play) -> None:
        watching.end()
        assert int(watching.ask()["timeoutSeconds"]) == 600

    @pytest.mark.parametrize("way", ["line", "status"])
    def test_an_expired_version_means_a_new_list_and_what_is_missing_in_it_is_gone(
        self, watching: Play, way: str
    ) -> None:
        if way == "line":
            watching.feed(expired())
        else:
            watching.end()
            watching.ask()
            watching.refuse(410, encode(status(410, "Expired", "too old")))
        assert not watching.reflector.reading
        assert watching.names == ["a", "b"]
        assert "limit" in watching.ask()
        watching.open()
        watching.feed(page(30, item("b", 6), item("c", 29)))
        watching.end()
        assert watching.names == ["b", "c"]

    def test_what_comes_after_an_error_is_not_read(self, watching: Play) -> None:
        assert watching.feed(expired() + event("DELETED", item("a", 12))) == []
        assert watching.end() == []
        assert watching.names == ["a", "b"]

    def test_a_line_that_is_no_event_means_a_new_list(self, watching: Play) -> None:
        assert watching.feed(event("ADDED", item("c", 11)) + b"<html>bad gateway</html>\n") == [("put", "c")]
        assert "no watch event" in watching.problem
        assert "limit" in watching.ask()

    def test_an_object_that_cannot_be_read_is_named_and_its_last_form_stays(self, watching: Play) -> None:
        assert watching.feed(event("MODIFIED", item("a", 11, value="five"))) == [("unreadable", "a")]
        assert "$.spec.value" in watching.table.unreadable["ns", "a"].problem
        assert watching.table.entries["ns", "a"].resource_version == "5"
        assert watching.feed(event("MODIFIED", item("b", 12))) == [("put", "b")]
        watching.end()
        assert watching.ask()["resourceVersion"] == "12"

    def test_an_object_without_metadata_is_skipped(self, watching: Play) -> None:
        line = encode({"type": "ADDED", "object": {"metadata": 5}}) + b"\n"
        assert watching.feed(line + event("ADDED", item("c", 11))) == [("unreadable", None), ("put", "c")]

    def test_a_string_that_is_no_utf_8_is_the_object_s_fault_alone(self, watching: Play) -> None:
        bad = event("MODIFIED", item("a", 11, value=1)).replace(b'"spec"', b'"x": "\xff", "spec"')
        outputs = watching.feed(bad + event("ADDED", item("c", 12)))
        assert outputs[-1] == ("put", "c")

    def test_silence_means_to_open_the_watch_again_and_the_second_time_to_list(self, watching: Play) -> None:
        assert watching.reflector.deadline == watching.now + SILENCE
        watching.reflector.expire(watching.now + SILENCE)
        assert "nothing was heard" in watching.problem
        assert watching.ask()["resourceVersion"] == "10"
        watching.open()
        watching.reflector.expire(watching.now + SILENCE)
        assert "limit" in watching.ask()

    def test_a_busy_watch_is_alive(self, watching: Play) -> None:
        watching.now += 80
        watching.feed(event("ADDED", item("c", 11))[:5])
        assert watching.reflector.deadline == watching.now + SILENCE

    def test_who_heard_something_may_be_silent_again(self, watching: Play) -> None:
        for version in (11, 12, 13):
            watching.feed(bookmark(version))
            watching.reflector.expire(watching.now + SILENCE)
            assert watching.ask()["resourceVersion"] == str(version)
            watching.open()

    def test_silences_count_only_in_a_row(self, watching: Play) -> None:
        watching.reflector.expire(watching.now + SILENCE)
        watching.ask()
        watching.open()
        watching.feed(bookmark(11))
        watching.end()
        watching.ask()
        watching.open()
        watching.reflector.expire(watching.now + SILENCE)
        assert watching.ask()["resourceVersion"] == "11"

    def test_objects_that_are_held_in_the_same_version_are_not_read_again(self, watching: Play) -> None:
        before = watching.table.entries["ns", "a"]
        watching.feed(expired())
        watching.ask()
        watching.open()
        watching.feed(page(30, item("a", 5), item("b", 7)))
        watching.end()
        assert watching.table.entries["ns", "a"] is before
        assert watching.table.entries["ns", "b"].resource_version == "7"


class TestFailures:
    def test_waits_get_longer_and_are_bounded(self, play: Play) -> None:
        waits = []
        for _ in range(10):
            play.ask()
            waits.append(play.waited)
            play.end("connection refused")
        assert waits[:4] == pytest.approx([0.0, 0.2, 0.4, 0.8])
        assert max(waits) == pytest.approx(LONGEST_DELAY)

    def test_waits_are_jittered_down_to_a_half(self) -> None:
        reflector = Reflector(THINGS, {}, random=lambda: 0.0)
        reflector.next(0)
        reflector.end(0, "connection refused")
        assert reflector.next(0) == Wait(0.1)

    def test_a_watch_that_brings_something_ends_the_waiting(self, watching: Play) -> None:
        for _ in range(6):
            watching.end("connection refused")
            watching.ask()
        assert watching.waited > 1
        watching.open()
        watching.feed(bookmark(11))
        watching.end("connection reset")
        watching.ask()
        assert watching.waited == pytest.approx(0.2)

    def test_a_watch_that_lived_is_no_failure_even_if_nothing_happened(self, watching: Play) -> None:
        for _ in range(6):
            watching.end("connection refused")
            watching.ask()
        watching.open()
        watching.now += 60
        watching.end("connection reset")
        watching.ask()
        assert watching.waited == pytest.approx(0.2)

    def test_versions_that_expire_again_and_again_are_no_busy_loop(self, watching: Play) -> None:
        waits = []
        for _ in range(5):
            watching.feed(expired())
            watching.ask()
            waits.append(watching.waited)
            watching.open()
            watching.feed(page(10))
            watching.end()
            watching.ask()
            watching.open()
        assert waits == sorted(waits)
        assert waits[-1] > 2

    def test_the_server_s_retry_after_is_kept(self, play: Play) -> None:
        play.ask()
        play.refuse(429, b"", retry_after="7")
        assert play.ask()["sendInitialEvents"] == "true"
        assert play.waited == 7

    @pytest.mark.parametrize("code", [401, 403, 429, 500, 503])
    def test_what_was_known_stays_when_the_server_refuses(self, watching: Play, code: int) -> None:
        watching.end()
        watching.ask()
        assert watching.refuse(code, b"") == []
        assert watching.names == ["a", "b"]
        assert watching.table.synced
        assert watching.ask()["resourceVersion"] == "10"

    @pytest.mark.parametrize("code", [400, 422, 504])
    def test_a_version_that_the_server_cannot_use_means_a_new_list(self, watching: Play, code: int) -> None:
        watching.end()
        watching.ask()
        watching.refuse(code, b"")
        assert "limit" in watching.ask()

    def test_missing_rights_are_told_with_what_to_do(self, play: Play) -> None:
        play.ask()
        play.refuse(403, encode(status(403, "Forbidden", 'User "x" cannot list resource "things"')))
        assert play.problem == (
            "not allowed to list things.example.com: grant the verbs list and watch on it in a ClusterRole "
            "that is bound to "
            'this service account (User "x" cannot list resource "things")'
        )

    def test_to_follow_one_object_a_role_that_names_it_is_enough(self) -> None:
        reflector = Reflector(THINGS, {}, random=lambda: 1.0, only=("ns", "a"))
        step = reflector.next(0)
        assert isinstance(step, Get)
        assert step.path == "/apis/example.com/v1/namespaces/ns/things"
        assert dict(step.parameters)["fieldSelector"] == "metadata.name=a"
        reflector.respond(403, None, 0)
        reflector.end(0)
        assert "in a Role in ns that is bound" in (reflector.status.problem or "")

    def test_those_with_certain_labels_are_followed_in_their_namespace(self) -> None:
        reflector = Reflector(THINGS, {}, random=lambda: 1.0, only=Labelled("ns", "app=a"))
        step = reflector.next(0)
        assert isinstance(step, Get)
        assert step.path == "/apis/example.com/v1/namespaces/ns/things"
        assert dict(step.parameters)["labelSelector"] == "app=a"
        reflector.respond(403, None, 0)
        reflector.end(0)
        assert "in a Role in ns that is bound" in (reflector.status.problem or "")

    def test_refused_credentials_are_told_with_what_to_do(self, play: Play) -> None:
        play.ask()
        play.refuse(401, encode(status(401, "Unauthorized", "Unauthorized")))
        assert play.problem.startswith("the API server does not accept our credentials: renew")

    def test_a_text_of_a_proxy_is_kept_short(self, play: Play) -> None:
        play.ask()
        play.refuse(502, b"<html>" + b"x" * 100_000)
        assert len(play.problem) < 500

    def test_a_problem_is_over_when_the_watch_is_open_again(self, watching: Play) -> None:
        watching.end()
        watching.ask()
        watching.refuse(500, b"etcdserver: leader changed")
        assert "etcdserver: leader changed" in watching.problem
        watching.ask()
        watching.open()
        assert watching.reflector.status.problem is None


class TestAbsence:
    def test_a_kind_that_is_not_served_is_empty_and_synced_and_looked_for_again(self, play: Play) -> None:
        play.ask()
        assert play.refuse(404, b"404 page not found\n") == [("all", [])]
        assert play.table.synced
        assert play.reflector.status.phase == "absent"
        assert play.problem == (
            "the API server does not serve things.example.com v1: if it is needed, install its CRD"
        )
        assert play.ask()["sendInitialEvents"] == "true"
        assert play.waited == ABSENT_INTERVAL

    def test_that_it_is_still_absent_is_no_news(self, play: Play) -> None:
        play.ask()
        play.refuse(404, b"")
        play.ask()
        assert play.refuse(404, b"") == []

    def test_it_is_there_once_it_is_served(self, play: Play) -> None:
        play.ask()
        play.refuse(404, b"")
        play.ask()
        play.open()
        assert play.feed(event("ADDED", item("a", 5)) + bookmark(10, initial_end=True)) == [("all", ["a"])]
        assert play.reflector.status.phase == "watching"
        assert play.reflector.status.problem is None

    def test_word_of_a_new_crd_ends_the_wait(self, play: Play) -> None:
        play.ask()
        play.refuse(404, b"")
        play.reflector.look_again(play.now)
        play.ask()
        assert play.waited == 0

    def test_word_of_a_new_crd_does_not_hurry_who_failed_otherwise(self, play: Play) -> None:
        play.ask()
        play.end("connection refused")
        play.reflector.look_again(play.now)
        play.ask()
        assert play.waited > 0

    def test_objects_are_not_given_up_at_the_first_word(self, watching: Play) -> None:
        watching.end()
        watching.ask()
        assert watching.refuse(404, b"404 page not found\n") == []
        assert watching.names == ["a", "b"]
        watching.ask()
        assert watching.refuse(404, b"404 page not found\n") == [("all", [])]
        assert watching.names == []

    def test_an_answer_in_between_starts_the_count_anew(self, watching: Play) -> None:
        watching.end()
        for version in (20, 30):
            watching.ask()
            assert watching.refuse(404, b"404 page not found\n") == []
            watching.ask()
            watching.open()
            watching.feed(page(version, item("a", 5)))
            assert watching.end() == [("all", ["a"])]


def test_a_whole_life_against_the_scripted_server(play: Play) -> None:
    server = Server(streams=False)
    for name in "abcde":
        server.put("ns", name)
    play.give(server.answer(THINGS.path(), play.ask()))
    while not play.table.synced:
        play.give(server.answer(THINGS.path(), play.ask()))
    server.delete("ns", "c")
    play.give(server.answer(THINGS.path(), play.ask()))
    assert play.names == ["a", "b", "d", "e"]


def _life() -> Server:
    """Ten versions of objects whose texts have lines' ends of all sorts."""
    server = Server()
    for name in ("a", "b"):
        server.put("ns", name)
    server.put("ns", "a", annotations={"note": "a\u0085b\u2028c\x1c"})
    server.delete("ns", "b")
    server.put("ns", "b")
    server.put("ns", "c", annotations={"note": "\u00e4\U0001f600"})
    server.delete("ns", "a")
    return server


@pytest.mark.parametrize("way", ["cut", "split"])
def test_a_connection_may_break_between_any_two_bytes(way: str) -> None:
    server = _life()
    length = len(server.since(100))
    assert length > 1000
    for position in range(length + 1):
        play = Play()
        play.ask()
        play.open()
        play.feed(bookmark(100, initial_end=True))
        stream = server.since(100)
        play.feed(stream[:position])
        if way == "split":
            play.feed(stream[position:])
        else:
            play.end("connection reset")
            play.give(server.answer(THINGS.path(), play.ask()))
        assert {key: entry.resource_version for key, entry in play.table.entries.items()} == {
            key: item["metadata"]["resourceVersion"] for key, item in server.objects.items()
        }


def test_a_streaming_list_may_break_between_any_two_bytes() -> None:
    server = _life()
    stream = server.answer(THINGS.path(), {"watch": "true", "sendInitialEvents": "true"}).body
    for position in range(len(stream) + 1):
        play = Play()
        play.ask()
        play.open()
        play.feed(stream[:position])
        play.end("connection reset")
        server.put("ns", "z")
        server.delete("ns", "z")
        server.compact()
        while not (play.table.synced and play.reflector.reading):
            play.give(server.answer(THINGS.path(), play.ask()))
        assert set(play.table.entries) == set(server.objects)
