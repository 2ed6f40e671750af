"""What is known of fetches afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kuadrant.wasm import Module, module_report
from kuadrant.wasm.connection import Fetch
from kuadrant.wasm.gateway_fetches import Fetches, client

MODULE = Module("shim", b"\0asm", version="0.2.0")
FETCH = Fetch(200, MODULE.sha256, 4, True, "10.88.0.7", "GET", "/", "Go-http-client/1.1")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fetches(clock: Clock) -> Fetches:
    return Fetches([MODULE], clock)


def lines(fetches: Fetches) -> set[str]:
    return {line for line in fetches.metrics().decode().splitlines() if not line.startswith("#")}


@pytest.mark.parametrize(
    ("user_agent", "kind"),
    [
        ("Go-http-client/1.1", "gateway"),
        ("", "envoy"),
        ("kuadrant-operator", "operator"),
        ("skopeo/1.9.3", "registry"),
        ("go-containerregistry/v0.20.3", "registry"),
        ("curl/8.5.0", "other"),
    ],
)
def test_clients_are_told_apart_by_their_names(user_agent: str, kind: str) -> None:
    assert client(user_agent) == kind


def test_answers_are_counted_by_module_status_and_kind_of_client(fetches: Fetches) -> None:
    for fetch in (
        FETCH,
        FETCH,
        replace(FETCH, user_agent=""),
        replace(FETCH, status=503, sha256=None, sent=9),
    ):
        fetches.note(fetch)
    fetches.note(replace(FETCH, complete=False, sent=1))

    sha256 = MODULE.sha256
    counted = {
        line for line in lines(fetches) if line.startswith(("kuadrant_wasm_fetches", "kuadrant_wasm_sent"))
    }
    assert counted == {
        f'kuadrant_wasm_fetches_total{{client="gateway",sha256="{sha256}",status="200"}} 2.0',
        f'kuadrant_wasm_fetches_total{{client="envoy",sha256="{sha256}",status="200"}} 1.0',
        f'kuadrant_wasm_fetches_total{{client="gateway",sha256="{sha256}",status="499"}} 1.0',
        'kuadrant_wasm_fetches_total{client="gateway",sha256="",status="503"} 1.0',
        "kuadrant_wasm_sent_bytes_total 22.0",
    }


def test_the_age_is_that_of_the_last_bytes_of_the_module(fetches: Fetches, clock: Clock) -> None:
    assert not any(line.startswith("kuadrant_wasm_seconds") for line in lines(fetches))
    fetches.note(FETCH)
    clock.now += 5
    fetches.note(replace(FETCH, status=304, sent=0))  # no bytes
    fetches.note(replace(FETCH, complete=False))  # not all

    assert f'kuadrant_wasm_seconds_since_last_fetch{{sha256="{MODULE.sha256}",version="0.2.0"}} 5.0' in lines(
        fetches
    )


def test_who_fetched_is_remembered_the_latest_first(fetches: Fetches, clock: Clock) -> None:
    fetches.note(FETCH)
    clock.now += 1
    fetches.note(replace(FETCH, peer="10.88.0.8"))
    clock.now += 1
    fetches.note(FETCH)

    assert [(one.peer, one.count, one.seconds) for one in fetches.records()] == [
        ("10.88.0.7", 2, 0.0),
        ("10.88.0.8", 1, 1.0),
    ]


def test_of_many_peers_those_that_were_silent_longest_are_forgotten(fetches: Fetches) -> None:
    for number in range(5000):
        fetches.note(replace(FETCH, peer=str(number)))
        fetches.note(replace(FETCH, peer="0"))

    records = fetches.records()
    assert len(records) == 4096
    assert records[0].peer == "0"
    assert {one.peer for one in records} == {"0", *map(str, range(5000 - 4095, 5000))}


def test_a_person_gets_a_table(fetches: Fetches) -> None:
    rows: list[dict[str, Any]] = [
        {"pod": "istio-system/gateway-1", "client": "gateway", "version": "0.2.0", "sha256": "ab" * 32}
        | {"status": 200, "count": 2, "seconds": 3.2},
        {
            "pod": "10.88.0.9",
            "client": "other",
            "version": "",
            "sha256": "",
            "status": 503,
            "count": 1,
            "seconds": 9000,
        },
    ]

    assert module_report.fetches_text(rows).splitlines() == [
        "POD                     CLIENT   MODULE  SHA256        STATUS  COUNT  LAST",
        "istio-system/gateway-1  gateway  0.2.0   abababababab  200     2      3s ago",
        "10.88.0.9               other    -       -             503     1      2h ago",
    ]
    assert module_report.fetches_text([]) == "Nobody has fetched a module since the replicas started."
    assert msgspec.json.encode(fetches.records()) == b"[]"
