"""No configuration, request or answer makes the module trap.

A VM that traps answers 503 to everything, or limits nothing.
"""

from __future__ import annotations

import base64
import json
import random
import zlib
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from .call_errors import NOT_SENT, PERHAPS_SENT
from .configurations import EVERYTHING
from .examples import OK, OVER_LIMIT, UNKNOWN, Json, header
from .proxy_wasm_host import Host

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .proxy_wasm_host import Header, Program

pytestmark = pytest.mark.slow

INPUTS = 36_000
CONFIGURATIONS = 4
"""Configurations of one example.

Each gets as many requests, of which each gets an answer if it asks for one.
"""
INPUTS_OF_AN_EXAMPLE = CONFIGURATIONS + 2 * CONFIGURATIONS * CONFIGURATIONS

TEXTS = [
    "", "*", "/", "/toys", "/v1/x", "//", "a", "A", "é", "\0", "\n", "\\", "\\.", '"', "'", ".", "..", "a.b",
    "x" * 300, "*.toystore.com", "api.toystore.com", "[::1]", "api.toystore.com:80", ":", ":::",
    "request.method", "request.headers.x-user", "request.headers", "source.remote_address", "request.time",
    "(", "[a-z]+", "(?i)x", "a{1000}", "true", "1/0 == 0", "request.path", "request.nothing", "GET", "POST",
    "deny", "exact", "regex", "prefix", "matches", "incl", "a*b?c+", "?" * 50, "*a" * 40, "limiter",
    "\U0001f600",
]  # fmt: skip
MESSAGES = [*NOT_SENT, *PERHAPS_SENT]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    60_000,
    2**32,
    2**64,
    1.5,
    1e300,
    [],
    {},
    [[]],
    [{}],
    {"": ""},
]
NAMES = [
    "version",
    "services",
    "hosts",
    "rules",
    "path",
    "type",
    "value",
    "actions",
    "limits",
    "when",
    "entries",
    "key",
    "selector",
    "x",
    "",
]


ENTRIES = EVERYTHING["hosts"][2]["rules"][0]["actions"][0]["limits"][0]["entries"]
WIDE: list[Json] = [{}, {"path": {"type": "prefix", "value": "/"}}, {"query": []}]


def wide(match: Json) -> Json:
    """A rule that meets most of the requests below, with two calls of which each has several limits."""
    actions = [
        {
            "service": service,
            "scope": f"scope {service}",
            "limits": [
                {
                    "when": [{"selector": "request.method", "operator": operator, "value": "*T"}],
                    "entries": deepcopy(entries),
                }
                for operator in ("neq", "matches", "excl")
            ],
        }
        for service, entries in [("other", ENTRIES), ("limiter", ENTRIES[:2])]
    ]
    return {"name": "wide", "actions": actions, **match}


BASE: Json = deepcopy(EVERYTHING)
for one, match in zip(BASE["hosts"], WIDE, strict=True):
    one["rules"].append(wide(match))


def text(chance: random.Random) -> str:
    return chance.choice(TEXTS) if chance.random() < 0.8 else "".join(chance.choices(TEXTS, k=3))


def value(chance: random.Random) -> Any:
    return chance.choice(
        [text(chance), chance.choice(VALUES), deepcopy(chance.choice(EVERYTHING["hosts"])), text(chance)]
    )


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every parent and key in a document."""
    found: list[tuple[Any, Any]] = []
    for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        found.append((node, key))
        found += places(node[key])
    return found


def configuration(chance: random.Random) -> bytes:
    """A document with some things different, or its text with some bytes different, or noise."""
    kind = chance.random()
    if kind < 0.02:
        return chance.randbytes(chance.randint(0, 200))
    document: Json = deepcopy(BASE)
    for _ in range(chance.choice([0, 1, 2, 4])):
        parent, key = chance.choice(places(document))
        match chance.randint(0, 19):
            case 0:
                parent[key] = value(chance)
            case 1 if isinstance(parent, dict):
                parent[chance.choice(NAMES)] = value(chance)
            case 2:
                del parent[key]
            case _ if isinstance(parent[key], str):
                parent[key] = text(chance)
            case _ if isinstance(parent, list):
                parent.insert(0, parent.pop() if chance.random() < 0.5 else deepcopy(parent[key]))
        if not places(document):
            break
    written = bytearray(
        json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    )
    if kind < 0.1:
        for _ in range(chance.randint(1, 4)):
            start = chance.randrange(len(written) + 1)
            written[start : start + chance.choice([0, 0, 1, 5, 1000])] = chance.choice(
                [b"", b"{", b"]", b'"', b"\\u", b"\xff", b",", b"[" * 50, b"1e9"]
            )
    return bytes(written) if chance.random() < 0.8 else packed(chance, bytes(written))


def packed(chance: random.Random, text: bytes) -> bytes:
    """The packed form of a text, sometimes with another size, or with some of its bytes different."""
    data = bytearray(zlib.compress(text, chance.choice([0, 1, 9])))
    size = (
        len(text)
        if chance.random() < 0.8
        else chance.choice([0, 1, len(text) - 1, len(text) + 1, 2**26, 2**32])
    )
    for _ in range(chance.choice([0, 0, 1, 3])):
        start = chance.randrange(len(data) + 1)
        data[start : start + chance.choice([0, 1, 50])] = chance.randbytes(chance.choice([0, 1, 4]))
    encoded = base64.b64encode(data).decode()
    return json.dumps(
        {"version": 2, "size": size, "deflate": encoded[: chance.choice([-1, None, None, None])]}
    ).encode()


def headers(chance: random.Random) -> list[Header]:
    """A request, most of the time one that a browser could send."""

    def noise() -> bytes:
        return (
            chance.randbytes(chance.randint(0, 20))
            if chance.random() < 0.3
            else text(chance).encode("utf-8", "surrogatepass")
        )

    pairs = [
        (b":authority", chance.choice([b"api.toystore.com", b"x.toystore.com:80", b"h", noise()])),
        (
            b":path",
            chance.choice([b"/toys", b"/v1/x?q=v1", b"/v1/x", noise(), b"/" * chance.randint(0, 3000)]),
        ),
        (b":method", chance.choice([b"GET", b"POST", noise()])),
        (b"x-tenant", chance.choice([b"a", b"b,a", noise()])),
        (b"x-tenant", b"a"),
        (b"x-user", noise() if chance.random() < 0.9 else b"u" * chance.randint(0, 200_000)),
        (b"traceparent", noise()),
        (b"baggage", noise()),
    ]
    return [pair for pair in pairs if chance.random() < 0.85]


def answer(chance: random.Random) -> bytes:
    """A service's answer, whole, broken or made up."""
    message = bytearray(chance.choice([OK, OVER_LIMIT, UNKNOWN, b""]))
    for _ in range(chance.randint(0, 3)):
        message += header(chance.randbytes(chance.randint(0, 20)), text(chance).encode()[:60])
    for _ in range(chance.choice([0, 0, 0, 1, 5])):
        start = chance.randrange(len(message) + 1)
        message[start : start + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
    return bytes(message)


def configure(host: Host, chance: random.Random) -> None:
    host.logs.clear()
    if not host.configure(configuration(chance)):
        assert len(host.errors) == 1, host.errors
        assert host.errors[0].startswith("configuration refused: ")
    else:
        assert host.errors == []


def converse(host: Host, chance: random.Random) -> None:
    """One request up to its end, whatever the service says."""
    stream = host.request(headers(chance))
    while stream.state == "paused":
        if not host.calls:
            # It waits for its service, unless the client has enough.
            host.refuse_calls = chance.random() < 0.3
            host.tick(chance.choice([1, 20, 2000]))
            if chance.random() < 0.05:
                break
            continue
        call = host.calls.pop()
        match chance.randint(0, 9):
            case 0:
                break
            case 1:
                host.fail(call, chance.randrange(2**32))
            case 3 | 4:
                host.fail(call, 14, chance.choice(MESSAGES))
            case 2:
                configure(host, chance)
                host.answer(call, answer(chance))
            case _:
                host.answer(call, answer(chance))
    assert len(stream.local_responses) + stream.continued <= 1
    if chance.random() < 0.8:
        host.respond(stream)
    host.end(stream)


def test_nothing_makes_the_module_trap(program: Program, fuzz: Fuzz) -> None:
    examples = max(1, int(INPUTS * fuzz.scale) // INPUTS_OF_AN_EXAMPLE)
    smallest = Host(program).memory_size

    @seed(fuzz.seed)
    @settings(max_examples=examples, deadline=None, database=None)
    @given(number=st.integers(0, 2**64))
    def explore(number: int) -> None:
        chance = random.Random(number)
        tight = chance.random() < 0.2
        memory = smallest + chance.randrange(1 << 20) if tight else None
        host = Host(program, memory=memory, cel=chance.random() < 0.97)
        host.refuse_calls = chance.random() < 0.05
        assert host.configure(json.dumps(BASE).encode()) or tight or not host.cel
        for _ in range(CONFIGURATIONS):
            configure(host, chance)
            for token in [token for token in host.expressions if chance.random() < 0.1]:
                host.break_expression(token)
            for _ in range(CONFIGURATIONS):
                converse(host, chance)

    explore()
    fuzz.done("configurations, requests and answers", examples * INPUTS_OF_AN_EXAMPLE)
