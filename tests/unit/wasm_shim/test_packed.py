"""The packed form of a configuration: what is in it holds, and what does not fit is refused."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.dialects.own import packing

from .configurations import EVERYTHING, refusal
from .examples import action, configuration, entries, entry, limit, paused, rule

if TYPE_CHECKING:
    from .proxy_wasm_host import Host


def packed(text: bytes, **different: Any) -> bytes:
    """The packed form of a text, with other values for some of its fields."""
    deflated = base64.b64encode(zlib.compress(text)).decode()
    return json.dumps({"version": 2, "size": len(text), "deflate": deflated, **different}).encode()


def test_what_is_packed_holds(host: Host) -> None:
    assert host.configure(packed(json.dumps(configuration(rule(action(limit(entry("packed")))))).encode()))
    _, call = paused(host)
    assert entries(call) == [("packed", "1")]


def test_a_large_one_holds_as_the_operator_packs_it(host: Host) -> None:
    rules = [rule(action(limit(entry(f"limit-{number}"))), name=str(number)) for number in range(2000)]
    text = json.dumps(configuration(*rules)).encode()
    small = packing.packed(text)
    assert len(small) < len(text) / 10
    assert host.configure(small)
    _, call = paused(host)
    assert entries(call) == [("limit-0", "1")]


TEXT = json.dumps(EVERYTHING).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (packed(TEXT, size=len(TEXT) + 1), f"deflate: does not inflate to {len(TEXT) + 1} bytes"),
        (packed(TEXT, size=len(TEXT) - 1), f"deflate: inflates to more than {len(TEXT) - 1} bytes"),
        (packed(TEXT, size=2**26 + 1), "size: must not be more than 67108864"),
        (packed(TEXT, deflate="!!!!"), "deflate: is no base64"),
        (packed(TEXT, deflate="AAA"), "deflate: is no base64"),
        (packed(TEXT, deflate=base64.b64encode(TEXT).decode()), ("deflate: does not inflate to "
            f"{len(TEXT)} bytes")),
        (
            packed(TEXT, deflate=base64.b64encode(zlib.compress(TEXT)[:-40]).decode()),
            f"deflate: does not inflate to {len(TEXT)} bytes",
        ),
        (packed(TEXT, hosts=[]), "hosts: unknown field"),
        (packed(packed(TEXT)), "version: 2 is packed, where 1 has to be"),
        (packed(b"{"), "not JSON at line 1, column 2"),
        (packed(b'{"services": {}, "hosts": []}'), "version: is missing"),
        (json.dumps({"version": 2, "size": 1}).encode(), "deflate: is missing"),
    ],
    ids=[
        *("too short", "too long", "far too long", "other characters", "cut characters", "not compressed"),
        *("cut", "another field", "packed twice", "packed nonsense", "no version", "a field less"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(host: Host, text: bytes, said: str) -> None:
    assert refusal(host, text) == said


def test_a_packed_mistake_is_named_as_any_other(host: Host) -> None:
    mistaken = configuration(rule(action(service="nobody")))
    assert refusal(host, packed(json.dumps(mistaken).encode())) == (
        'hosts[0].rules[0].actions[0].service: no such service "nobody"'
    )
