"""The parts of following: the request that comes next, the answer so far, the list so far, and waiting."""

from __future__ import annotations

from typing import Any

from msgspec import Raw
from msgspec.json import encode

from kuadrant.kube.api_answers import ObjectReader
from kuadrant.kube.kind import Kind, Labelled
from kuadrant.kube.list_watch_request import PAGE, ListWatch
from kuadrant.kube.object_list import ObjectList
from kuadrant.kube.pending_answer import Answer
from kuadrant.kube.reflector_backoff import FIRST_DELAY, LONGEST_DELAY, Backoff


def asked(request: ListWatch) -> dict[str, str]:
    return dict(request.parameters())


def test_a_list_is_a_stream_until_the_server_has_none() -> None:
    request = ListWatch(None, lambda: 0.0)
    assert request.begins_list
    assert asked(request)["sendInitialEvents"] == "true"
    request.stream_no_more()
    request.start_over()
    assert asked(request) == {"limit": str(PAGE)}
    request.token = "next"
    assert not request.begins_list
    assert asked(request) == {"limit": str(PAGE), "continue": "next"}
    request.start_pages(in_one_piece=True)
    assert asked(request) == {}
    request.watch_from("7")
    assert asked(request)["resourceVersion"] == "7"
    request.start_over()
    assert request.goal == "page"


def test_one_object_or_some_may_be_followed() -> None:
    one = ListWatch(("ns", "a"), lambda: 0.0)
    some = ListWatch(Labelled("ns", "app=x"), lambda: 0.0)
    assert (one.namespace, asked(one)["fieldSelector"]) == ("ns", "metadata.name=a")
    assert (some.namespace, asked(some)["labelSelector"]) == ("ns", "app=x")


def test_the_beginning_of_a_refusal_is_enough() -> None:
    refusal, page = Answer(0.0), Answer(0.0)
    refusal.respond(500, "x", 1.0)
    page.respond(200, "3", 1.0)
    for _ in range(3):
        refusal.keep(b"x" * 2**16)
        page.keep(b"x" * 2**16)
    assert (len(refusal.body), len(page.body)) == (2**16, 3 * 2**16)
    assert (refusal.retry_after, page.retry_after) == (0.0, 3.0)


def test_what_is_deleted_while_a_list_comes_in_is_not_in_it() -> None:
    kind: Kind[dict[str, Any]] = Kind("", "v1", "configmaps", "ConfigMap", dict)
    gathered = ObjectList(ObjectReader(kind, {}))
    for name, event in (("a", "ADDED"), ("b", "ADDED"), ("a", "DELETED")):
        raw = Raw(encode({"metadata": {"name": name, "namespace": "ns", "resourceVersion": "1"}}))
        assert gathered.gather(raw, event) == []
    assert list(gathered.complete("1").entries) == [("ns", "b")]
    assert not gathered.complete("2").entries


def test_waiting_grows_up_to_a_bound_and_is_never_less_than_what_was_asked_for() -> None:
    backoff = Backoff(lambda: 1.0)
    backoff.fail(0.0, 0.0)
    assert backoff.until == FIRST_DELAY
    for _ in range(20):
        backoff.fail(0.0, 0.0)
    assert backoff.until == LONGEST_DELAY
    backoff.fail(0.0, 60.0)
    assert backoff.until == 60.0
