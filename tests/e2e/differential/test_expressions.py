"""Whatever expression a policy has, ``decide`` and ``explain`` say what a real Envoy makes of it.

The expressions are in policies, and so are checked, weighed, compiled and told to the module as everybody's.
Some are written by hand (``odd_expressions.txt``: what Kuadrant's pages on CEL have, and what is easily
thought of otherwise), the others are made at random. A limit whose expression fails is left out of the
question, so that what each comes to is seen.

1,000 pairs of an expression and a request are tried (times ``FUZZ_SCALE``), which ones ``FUZZ_SEED`` decides.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from tests.unit.expressions.generated_expressions import Expressions
from tests.unit.expressions.generated_expressions import request as any_request

from .comparison import compare
from .expression_cases import LIMITS, Limit, case, limit
from .generator import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Fuzz

    from .conftest import Reality

pytestmark = pytest.mark.e2e

ODD = [
    line
    for line in Path(__file__).with_name("odd_expressions.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
PAIRS = 1000
RULES, REQUESTS = 10, 4
"""Of one configuration: so many rules, and so many requests for each of them."""
ONLY_ENVOY_KNOWS = re.compile(r"request\.(\??time|\??id|\??total_size)|connection\.id|x-request-id")
OTHERWISE = re.compile(
    r"0\.0\b|1\.0/0\.0|nan|inf|optional\.of\w*\(.*\)\[|[{\[,:?] ?request\.headers(?![\[.\w])"
)
"""What is told otherwise (docs/expressions.md): what is no number, and headers as a part of others."""
TAKEN = {"a": "PUT", "/é?x": "/%C3%A9?x"}
"""In place of what no gateway takes."""


def taken(source: random.Random) -> Asked:
    """A request that a gateway takes."""
    one = any_request(source)
    method, target = (TAKEN.get(text, text) for text in (one.method, one.target))
    headers = tuple(header for header in one.headers if header[0] != "content-length")
    return Asked("g0", 80, one.authority, method, target, headers)


def made(source: random.Random) -> Iterator[Limit]:
    """Limits at random."""
    expressions = Expressions(source)
    while True:
        text = expressions.make()
        if ONLY_ENVOY_KNOWS.search(text) or OTHERWISE.search(text):
            continue
        if (one := limit(text)) is not None:
            yield one


def smallest(reality: Reality, limits: list[Limit], asked: list[Asked]) -> None:
    """Compare each limit by itself, so that the first in which both sides differ is the one that is shown."""
    for one in limits:
        compare(reality, case([one], asked))


@pytest.mark.timeout(14400)
def test_expressions_at_random(reality: Reality, fuzz: Fuzz) -> None:
    source = random.Random(fuzz.seed)
    limits = made(source)
    outcomes: Counter[str] = Counter()
    done = 0
    while done < PAIRS * fuzz.scale:
        some = [next(limits) for _ in range(RULES * LIMITS)]
        asked = [taken(source) for _ in range(REQUESTS)]
        try:
            outcomes.update(compare(reality, case(some, asked)))
        except AssertionError as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed}")
            smallest(reality, some, asked)
            raise
        done += len(some) * len(asked)
        fuzz.progress(done, PAIRS * fuzz.scale)
    assert set(outcomes) <= {"admitted", "admitted unasked"}
    fuzz.done(f"pairs of an expression in a policy and a request ({dict(outcomes)})", done)


def test_odd_expressions(reality: Reality) -> None:
    limits = [limit(text) for text in ODD]
    assert [text for text, one in zip(ODD, limits, strict=True) if one is None] == []
    asked = [
        Asked("g0", 80, "api.example.com", "GET", "/toys/1?a=1&b=%42&a=c%20d+e&c==&%zz=%FF&d"),
        Asked("g0", 80, "API.example.com:8080", "POST", "/", (("x-user", "Bob"), ("x-n", "42"))),
        Asked("g0", 80, "a", "GET", "/%E2%82%AC/%F0%9F%98%80?%C3%A9=%E2%82%AC", (("x-user", "é😀"),)),
        Asked("g0", 80, "a", "DELETE", "/v1/users/9223372036854775808/x", (("x-user", ""), ("x-n", "1.5"))),
        Asked("g0", 80, "a", "GET", "/a//b/", (("x-user", "a"), ("x-user", "b"), ("X-Trace", "0af-7"))),
    ]
    asked = [structs.replace(one, odd=True) for one in asked]
    outcomes = Counter(compare(reality, case([one for one in limits if one], asked)))
    assert set(outcomes) <= {"admitted", "admitted unasked"}
