"""What a request or a configuration costs grows with its size, and no faster, whatever it is.

Counted in instructions of the module.
"""

from __future__ import annotations

import base64
import json
import random
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from kuadrant.expressions import programs

from .conftest import PACKAGED
from .examples import action, configuration, configure, entry, limit, request, rule, service
from .proxy_wasm_host import Host, Program

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Fuzz

    from .proxy_wasm_host import Header

    Json = dict[str, Any]

LARGER = 16
AT_MOST = 24
"""So much more work may what is so much larger be.

What is left over is for the steps in which tables and lists grow.
"""
MOST_TOKENS = 1536
"""Of a pattern (``wasm-shim/src/glob.zig``)."""
WORD = 64


@pytest.fixture(scope="module")
def counting() -> Program:
    return Program(PACKAGED.read_bytes(), counting=True)


def cost(host: Host, headers: list[Header]) -> int:
    """The instructions of one request, without those of its answer."""
    before = host.steps
    host.end(host.request(headers))
    return host.steps - before


def matching(pattern: str) -> Json:
    when = [{"selector": "request.headers.x", "operator": "matches", "value": pattern}]
    return configuration(rule(action(limit(when=when))))


def selected(operator: str, value: str) -> Json:
    when = [{"selector": "request.headers.x", "operator": operator, "value": value}]
    return configuration(rule(action(limit(when=when))))


PREFIXES = configuration(*[rule(path={"type": "prefix", "value": "/a" * depth}) for depth in range(1, 200)])
HOSTS = {
    "version": 1,
    "services": {"limiter": service()},
    "hosts": [{"hostname": "*" + ".a" * n, "rules": [rule()]} for n in range(1, 120)],
}
QUERIES = configuration(*[rule(query=[{"name": f"q{n}", "type": "exact", "value": "x"}]) for n in range(50)])
VALUES = configuration(*[rule(headers=[{"name": "x", "type": "exact", "value": f"v{n}"}]) for n in range(50)])
COUNTERS = configuration(
    rule(action(*[limit(entry(f"{n}"), {"key": "x", "selector": "request.headers.x"}) for n in range(50)]))
)

REQUESTS: dict[str, tuple[Json, Callable[[int], list[Header]]]] = {
    **{
        f"matches {pattern[:8]}": (matching(pattern), lambda n: request(x="a" * n))
        for pattern in ("?" * MOST_TOKENS, "a?" * 768, "*a" * 500 + "*b", "+a" * 511 + "b", "*a?b" * 256, "*")
    },
    "matches by code points": (matching("*é?" * 300 + "b"), lambda n: request(x="é" * n)),
    "matches what is no text": (matching("*a?" * 300 + "b"), lambda n: request(x="\udcff" * n)),
    "incl": (selected("incl", "a"), lambda n: request(x="b, " * n)),
    "excl": (selected("excl", "a"), lambda n: request(x=" ," * n)),
    "a path of many segments": (PREFIXES, lambda n: request("/a" * n)),
    "a path of empty segments": (PREFIXES, lambda n: request("/" * n)),
    "a host of many labels": (HOSTS, lambda n: request(authority="b" + ".a" * n)),
    "a host of empty labels": (HOSTS, lambda n: request(authority="." * n)),
    "a query of many names": (QUERIES, lambda n: request("/?" + "&".join(f"p{i}" for i in range(n)))),
    "a query of a name that is asked for": (QUERIES, lambda n: request("/?" + "q1&" * n)),
    "a header of many values": (VALUES, lambda n: request("/", "GET", "h", *[("x", "v,v")] * n)),
    "many headers": (VALUES, lambda n: request("/", "GET", "h", ("x", ","), *[("y", "v")] * n)),
    "a large counter": (COUNTERS, lambda n: request(x="\udcff" * n)),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_costs_as_much_as_it_is_large(counting: Program, case: str) -> None:
    document, headers = REQUESTS[case]
    host = Host(counting)
    configure(host, document)
    small, large = headers(300), headers(300 * LARGER)
    cost(host, large)
    assert cost(host, large) <= AT_MOST * cost(host, small)


def test_a_condition_of_several_limits_is_evaluated_once(counting: Program) -> None:
    when = [{"program": programs.predicate("request.path.split('/').exists(x, x == 'b')")}]

    def steps(count: int) -> int:
        host = Host(counting)
        configure(host, configuration(rule(action(*[limit(entry(str(n)), when=when) for n in range(count)]))))
        cost(host, request("/a" * 1000))
        return cost(host, request("/a" * 1000))

    assert steps(8) < 1.2 * steps(1)


def queries(count: int) -> Json:
    return configuration(
        *[rule(query=[{"name": f"q{n}", "type": "exact", "value": "x"}]) for n in range(count)]
    )


def entries(count: int) -> Json:
    key = "k" * 200
    return configuration(rule(action(*[limit(entry(f"{key}{n:06}")) for n in range(count)])))


BOTH: dict[str, tuple[Callable[[int], Json], Callable[[int], list[Header]]]] = {
    "prefixes that all hold, of rules that do not": (
        lambda n: configuration(
            *[rule(path={"type": "prefix", "value": "/a" * i}, method="PUT") for i in range(1, n)]
        ),
        lambda n: request("/a" * n),
    ),
    "queries": (queries, lambda n: request("/?" + "&".join(f"p{i}" for i in range(n)))),
    "entries": (entries, lambda _: request()),
}


@pytest.mark.parametrize("case", BOTH)
def test_request_and_configuration_cost_as_much_as_they_are_large(counting: Program, case: str) -> None:
    document, headers = BOTH[case]

    def steps(size: int) -> int:
        host = Host(counting)
        configure(host, document(size))
        cost(host, headers(size))
        return cost(host, headers(size))

    assert steps(60 * LARGER) <= AT_MOST * steps(60)


def packed(text: bytes) -> bytes:
    deflated = base64.b64encode(zlib.compress(text)).decode()
    return json.dumps({"version": 2, "size": len(text), "deflate": deflated}).encode()


CONFIGURATIONS: dict[str, Callable[[int], bytes]] = {
    "services": lambda n: json.dumps(configuration(services={str(i): service() for i in range(n)})).encode(),
    "hosts": lambda n: json.dumps(
        {
            **HOSTS,
            "hosts": [
                {"hostname": f"{star}{i}.com", "rules": []} for i in range(n) for star in ("", "*.", "*.a.b.")
            ],
        }
    ).encode(),
    "rules": lambda n: json.dumps(
        configuration(
            *[rule(path={"type": kind, "value": f"/{i}"}) for i in range(n) for kind in ("exact", "prefix")]
        )
    ).encode(),
    "one path of many rules": lambda n: json.dumps(
        configuration(*[rule(path={"type": "exact", "value": "/"}) for _ in range(n)])
    ).encode(),
    "limits": lambda n: json.dumps(
        configuration(rule(action(*[limit({"key": "k", "selector": f"a.b{i}"}) for i in range(n)])))
    ).encode(),
    "a pattern": lambda n: json.dumps(matching("?a" * n)).encode(),
    "patterns": lambda n: json.dumps(
        configuration(rule(*[matching("é?a" * 100)["hosts"][0]["rules"][0]["actions"][0]] * (n // 10)))
    ).encode(),
    "a long text": lambda n: json.dumps(configuration(rule(name="\n" * 100 * n))).encode(),
    "white space": lambda n: b"\n" * 100 * n + json.dumps(configuration()).encode(),
    "nesting": lambda n: b'{"a":' + b"[" * n + b"]" * n + b',"version":7}',
    "a long number": lambda n: b'{"version":' + b"9" * 100 * n + b"}",
    "names": lambda n: ("{" + ",".join(f'"x{i}":0' for i in range(n)) + "}").encode(),
    "packed zeros": lambda n: packed(b" " * 1000 * n + json.dumps(configuration()).encode()),
    "packed noise": lambda n: packed(
        json.dumps(configuration(rule(name=random.Random(1).randbytes(100 * n).hex()))).encode()
    ),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_configuration_costs_as_much_as_it_is_large(counting: Program, case: str) -> None:
    def steps(size: int) -> int:
        host = Host(counting)
        before = host.steps
        host.configure(CONFIGURATIONS[case](size))
        return host.steps - before

    assert steps(250 * LARGER) <= AT_MOST * steps(250)


@pytest.mark.slow
def test_calls_that_wait_are_no_more_work_together_than_alone(counting: Program) -> None:
    def steps(count: int) -> int:
        host = Host(counting)
        configure(host, configuration())
        host.refuse_calls = True
        before = host.steps
        for _ in range(count):
            host.request(request())
        for _ in range(60):
            host.tick(20)
        assert all(stream.state == "answered" for stream in host.streams.values())
        return host.steps - before

    assert steps(50 * LARGER) <= AT_MOST * steps(50)


def words(pattern: str) -> int:
    """How many words hold a bit for each token of a pattern, of which a ``+`` has two."""
    return (len(pattern) + pattern.count("+")) // WORD + 1


STEPS_OF_A_CHARACTER = 200
STEPS_OF_A_WORD = 180


def test_no_pattern_costs_more_than_its_words_for_a_character(counting: Program, fuzz: Fuzz) -> None:
    host = Host(counting)
    size = 3000

    @seed(fuzz.seed)
    @settings(max_examples=max(10, int(200 * fuzz.scale)), deadline=None, database=None)
    @given(number=st.integers(0, 2**64))
    def explore(number: int) -> None:
        chance = random.Random(number)
        alphabet = chance.choice(["ab?", "a?*", "?", "ab?*+\\", "é?+", "a+"])
        piece = "".join(chance.choices(alphabet, k=chance.randint(1, 30)))
        pattern = (piece * MOST_TOKENS)[: chance.randint(1, MOST_TOKENS // 2)]
        text = ("".join(chance.choices("abé\udcff", k=chance.randint(1, 30))) * size)[:size]
        configure(host, matching(pattern))
        empty = cost(host, request(x=""))
        bytes_of_text = len(text.encode("utf-8", "surrogateescape"))
        most = bytes_of_text * (STEPS_OF_A_CHARACTER + STEPS_OF_A_WORD * words(pattern))
        assert cost(host, request(x=text)) - empty <= most, (pattern, text[:60])

    explore()
    fuzz.done("patterns and texts", max(10, int(200 * fuzz.scale)))
