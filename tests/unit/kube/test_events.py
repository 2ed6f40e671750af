"""Which Events are told, and which only counted."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import httpx2
import pytest

from kuadrant.kube import events
from kuadrant.kube.events import BURST, FORGOTTEN, REFILL, SERIES_ENDS, Aggregator, Event, Recorder, Regarding

from .http_server import Request, Response, serve
from .scripted import THINGS

WALL = "2026-01-01T00:00:00.000000Z"


def event(note: str = "it did not fit", key: tuple[str, str] = ("ns", "a")) -> Event:
    return Event(Regarding(THINGS, key, f"uid-{key[1]}"), "Warning", "Refused", "Apply", note)


@pytest.fixture
def aggregator() -> Aggregator:
    return Aggregator("kuadrant.io/operator", "pod-1")


def test_the_first_is_told_with_everything(aggregator: Aggregator) -> None:
    request = aggregator.record(event(), 0, WALL)
    assert request is not None
    assert (request.method, request.path) == ("POST", "/apis/events.k8s.io/v1/namespaces/ns/events")
    body = json.loads(request.body)
    assert body["metadata"]["namespace"] == "ns"
    assert body["metadata"].pop("name").startswith("a.")
    assert body == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "ns"},
        "eventTime": WALL,
        "type": "Warning",
        "reason": "Refused",
        "action": "Apply",
        "note": "it did not fit",
        "regarding": {
            "apiVersion": "example.com/v1",
            "kind": "Thing",
            "namespace": "ns",
            "name": "a",
            "uid": "uid-a",
        },
        "reportingController": "kuadrant.io/operator",
        "reportingInstance": "pod-1",
    }


def test_repeats_are_counted_and_told_ever_more_rarely(aggregator: Aggregator) -> None:
    told = [n for n in range(1, 1001) if aggregator.record(event(), n, WALL) is not None]
    assert told == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def test_a_repeat_updates_the_series_of_the_first(aggregator: Aggregator) -> None:
    first = aggregator.record(event(), 0, WALL)
    second = aggregator.record(event(), 1, WALL)
    assert first is not None
    assert second is not None
    assert second.method == "PATCH"
    assert second.path == f"{first.path}/{json.loads(first.body)['metadata']['name']}"
    assert json.loads(second.body) == {"series": {"count": 2, "lastObservedTime": WALL}}


def test_a_long_series_is_told_before_the_server_forgets_it(aggregator: Aggregator) -> None:
    told = [now for now in range(0, 20000, 100) if aggregator.record(event(), now, WALL) is not None]
    assert all(later - earlier <= FORGOTTEN for earlier, later in itertools.pairwise(told))


def test_the_same_after_a_pause_is_told_anew(aggregator: Aggregator) -> None:
    aggregator.record(event(), 0, WALL)
    request = aggregator.record(event(), SERIES_ENDS, WALL)
    assert request is not None
    assert request.method == "POST"


def test_one_object_cannot_flood_and_does_not_silence_others(aggregator: Aggregator) -> None:
    told = [n for n in range(100) if aggregator.record(event(f"note {n}"), 0, WALL) is not None]
    assert len(told) == BURST
    assert aggregator.record(event(key=("ns", "b")), 0, WALL) is not None
    assert aggregator.record(event("another"), REFILL - 1, WALL) is None
    assert aggregator.record(event("another"), REFILL, WALL) is not None


def test_what_is_over_takes_no_memory(aggregator: Aggregator) -> None:
    for n in range(5000):
        aggregator.record(event(key=("ns", f"n{n}")), n * 10, WALL)
    assert len(aggregator._series) <= 2 * SERIES_ENDS / 10 + 1
    assert len(aggregator._budgets) <= (BURST * REFILL + SERIES_ENDS) / 10 + 1


def test_an_object_of_the_whole_cluster_has_its_events_in_default(aggregator: Aggregator) -> None:
    request = aggregator.record(event(key=("", "a")), 0, WALL)
    assert request is not None
    assert request.path == "/apis/events.k8s.io/v1/namespaces/default/events"
    assert "namespace" not in json.loads(request.body)["regarding"]


@pytest.mark.parametrize("ends", ["x" * 253, "x" * 199 + "-" + "x" * 53, "x" * 199 + "." + "x" * 53])
def test_a_long_name_is_cut_so_that_what_is_left_is_a_name(aggregator: Aggregator, ends: str) -> None:
    request = aggregator.record(event(key=("ns", ends)), 0, WALL)
    assert request is not None
    body = json.loads(request.body)
    label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    assert re.fullmatch(rf"{label}(\.{label})*", body["metadata"]["name"])
    assert body["regarding"]["name"] == ends


def test_long_notes_are_cut_between_characters(aggregator: Aggregator) -> None:
    request = aggregator.record(event("\u00e4" * 1000), 0, WALL)
    assert request is not None
    assert json.loads(request.body)["note"] == "\u00e4" * 512


async def test_events_that_cannot_be_sent_are_logged_and_hold_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(
        events.logger, "warning", lambda _, **more: said.append(more["problem"]), raising=False
    )
    seen: list[Request] = []

    async def handle(request: Request, response: Response) -> None:
        seen.append(request)
        await response.json(201 if len(seen) == 1 else 403, b"may not")

    async with serve(handle) as address, httpx2.AsyncClient(base_url=address) as client:
        recorder = Recorder("c", "i", client)
        await recorder.record(event(), 0)
        await recorder.record(event(), 1)
    async with httpx2.AsyncClient(base_url="http://127.0.0.1:9") as client:
        await Recorder("c", "i", client).record(event(), 0)
    assert [request.headers["content-type"] for request in seen] == [
        "application/json",
        "application/merge-patch+json",
    ]
    assert said[0] == "may not"
    assert said[1].startswith("ConnectError")
