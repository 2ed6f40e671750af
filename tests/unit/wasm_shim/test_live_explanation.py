"""Who shows a signature of a known key is told what is decided, and nobody else."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from .examples import (
    OK,
    OVER_LIMIT,
    action,
    configuration,
    configure,
    entry,
    fields,
    limit,
    paused,
    request,
    rule,
)

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import Host, Stream

DER = b"a public key"
SECONDS = 1_700_000_000
ASKED, TOLD = "x-kuadrant-explain", b"x-kuadrant-decision"


def shown(until: int = SECONDS + 30, signature: bytes = b"signed") -> str:
    return f"{until}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.fixture
def keyed(host: Host) -> Host:
    limited = rule(
        action(limit(entry("limit.toys__0a1b2c3d")), scope="default/toys"),
        path={"type": "exact", "value": "/toys"},
    )
    document = {**configuration(limited), "explainKey": base64.b64encode(DER).decode()}
    configure(host, document)
    return host


def told(host: Host, stream: Stream) -> Json | None:
    """The decision in the response's headers."""
    stream.response_headers.append((TOLD, b"of the upstream"))
    found = [value for name, value in host.respond(stream) if name == TOLD]
    assert len(found) <= 1
    return json.loads(base64.b64decode(found[0])) if found else None


def answered(host: Host, answer: bytes, header: str = "", path: str = "/toys") -> Stream:
    stream, call = paused(host, request(path, "GET", "example.com", (ASKED, header or shown())))
    host.answer(call, answer)
    return stream


@pytest.mark.parametrize(("answer", "verdict"), [(OK, "allowed"), (OVER_LIMIT, "limited")])
def test_what_is_decided_is_in_the_response(keyed: Host, answer: bytes, verdict: str) -> None:
    stream = answered(keyed, answer)
    found = told(keyed, stream)
    assert found is not None
    assert found["verdict"] == verdict
    assert ASKED.encode() not in dict(stream.headers)
    (argument,) = keyed.verified
    assert dict(fields(argument)) == {
        1: b"sha256",
        2: DER,
        3: b"signed",
        4: f"kuadrant-explain/1\nexample.com\n/toys\n{SECONDS + 30}".encode(),
    }
    keyed.end(stream)


def test_a_request_that_no_policy_is_about_is_told_that_it_is_allowed(keyed: Host) -> None:
    stream = keyed.request(request("/free", "GET", "example.com", (ASKED, shown())))
    assert told(keyed, stream) == {"verdict": "allowed"}


@pytest.mark.parametrize(
    "header",
    [
        shown(SECONDS), shown(SECONDS + 91), shown(signature=b""), shown(signature=b"x" * 81),
        f"{SECONDS + 30}.!!", f"{SECONDS + 30}", ".", "x.abcd", "-5.abcd", "9" * 40 + ".abcd",
    ],
)  # fmt: skip
def test_what_is_no_signature_of_now_is_not_even_looked_at(keyed: Host, header: str) -> None:
    stream = answered(keyed, OK, header)
    assert told(keyed, stream) is None
    assert not keyed.verified
    assert ASKED.encode() not in dict(stream.headers)


def test_who_is_not_trusted_is_told_nothing_and_answered_as_ever(keyed: Host) -> None:
    keyed.trusts_signatures = False
    assert told(keyed, answered(keyed, OK)) is None
    assert answered(keyed, OVER_LIMIT).response.status == 429


def test_a_worker_looks_at_twenty_signatures_a_second(keyed: Host) -> None:
    for _ in range(50):
        keyed.end(answered(keyed, OK))
    assert len(keyed.verified) == 20
    keyed.clock += 1_000_000_000
    assert told(keyed, answered(keyed, OK)) is not None


def test_streams_that_never_get_a_response_leave_nothing(keyed: Host) -> None:
    for _ in range(200):
        keyed.end(answered(keyed, OK))
        keyed.clock += 1_000_000_000
        keyed.request(request("/free"))
    memory = keyed.memory_size
    for number in range(2_000):
        stream = answered(keyed, OK, shown(keyed.clock // 10**9 + 30))
        keyed.end(stream)
        keyed.clock += 100_000_000 * (number % 2)
    assert keyed.memory_size == memory


def test_without_a_key_nothing_is_looked_at_and_nothing_taken_away(host: Host) -> None:
    configure(host, configuration(rule(action(limit(entry("limit.toys__0a1b2c3d"))))))
    before = len(host.host_calls)
    stream = answered(host, OK)
    host.respond(stream)
    assert "proxy_remove_header_map_value" not in host.host_calls[before:]
    assert ASKED.encode() in dict(stream.headers)
    assert not host.verified


def test_a_key_that_is_no_base64_is_refused(host: Host) -> None:
    document = {**configuration(), "explainKey": "?"}
    assert not host.configure(json.dumps(document).encode())
    assert host.errors == ["configuration refused: explainKey: is no base64"]
