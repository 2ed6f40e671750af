"""Whatever is asked of whatever documents, it ends in a record or a sentence, and no secret is in it."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import pytest

from kuadrant.explanation import ClientRequest, RequestError, header_of
from kuadrant.explanation.short_text import MOST_LINES, WIDTH, short_text
from kuadrant.explanation.verbose_text import verbose_text
from kuadrant.policy.expression_check import check_counter, check_predicate
from kuadrant.policy.expression_error import ExpressionError
from kuadrant.standalone.folder_files import File
from kuadrant.standalone.loading import MistakesError, configured
from kuadrant.wasm.catalogue import current
from tests.unit.api.mutated_documents import MUTATIONS
from tests.unit.expressions.generated_expressions import Expressions
from tests.unit.mutations import ODD, TOKENS

from .asking import WORLD, asked, policy

if TYPE_CHECKING:
    from kuadrant.explanation import Configuration, Explanation
    from tests.conftest import Fuzz

pytestmark = pytest.mark.slow

_SECRET = "Zq7vXw9Kj2"
_WORDS = [
    *("http://", "https://", "toys.x", "a.com", "b.com", ":80", ":8000", ":443"),
    *("/toys", "/a", "?q=1", "#", "@", "[::1]", "%2F", "/../", "é"),
]
_SOURCES = [None, None, "10.0.0.7", "10.0.0.7:1", "[::1]:2", "::1", "here", "", "1.2.3.4:x"]
_CLAIMS = [None, None, {}, {"sub": "a", "level": 3, "groups": ["a", {"b": None}]}]


def _asked_anything(dice: random.Random, configuration: Configuration) -> Explanation | None:
    url = "".join(dice.choices(_WORDS, k=dice.randint(1, 5)))
    if dice.randrange(3) == 0:
        url = f"http://{dice.choice(['toys.x', 'a.com', 'x.b.com'])}/{dice.choice(['toys', 'a', ''])}"
    texts = [odd for odd in ODD if isinstance(odd, str)]
    try:
        lines = [f"x-user: {_SECRET}", dice.choice(texts), dice.choice(TOKENS) + ": a"]
        headers = [
            header for line in dice.sample(lines, dice.choice([0, 0, 1, 2])) if (header := header_of(line))
        ]
        request = ClientRequest(
            url=url,
            method=dice.choice(["GET", "POST", "get", "", "é", "\ud800"]),
            headers=tuple(headers),
            port=dice.choice([None, None, 80, 443, 0]),
            gateway=dice.choice([None, None, "gw", "default/gw", ""]),
            source=dice.choice(_SOURCES),
            claims=dice.choice(_CLAIMS),
        )
        return configuration.explain(
            request, times=dice.choice([1, 3]), after=dice.choice([0.0, 11.0])
        ).explanation
    except RequestError:
        return None


def _check(record: Explanation) -> None:
    assert _SECRET.encode() not in msgspec.json.encode(record)
    short = short_text(record).splitlines()
    assert len(short) <= MOST_LINES
    assert all(len(line) <= WIDTH or " " not in line.strip() for line in short[:1])
    assert all(line.isprintable() for line in verbose_text(record).splitlines())


def test_fuzz_documents_and_requests(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number, told = int(1_000 * fuzz.scale), 0
    for n in range(number):
        text = MUTATIONS.any(dice)
        files = [
            File("world.yaml", WORLD + policy("all: {rates: [{limit: 1, window: 1s}]}")),
            File("a.yaml", text),
        ]
        try:
            try:
                configuration = configured(files, current(None), "deny")
            except MistakesError:
                continue
            for _ in range(4):
                record = _asked_anything(dice, configuration)
                if record is not None:
                    told += 1
                    _check(record)
        except Exception as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed}, document {n}:\n{text!r}")
            raise
    assert told
    fuzz.done("worlds that were asked", number)


def _limit(expression: str) -> str | None:
    """A limit with the expression wherever it can be; None if that is nowhere."""
    text = msgspec.json.encode(expression).decode()
    parts = ["rates: [{limit: 1, window: 1s}]"]
    for check, part in (
        (check_predicate, f"when: [{{predicate: {text}}}]"),
        (check_counter, f"counters: [{{expression: {text}}}]"),
    ):
        with suppress(ExpressionError):
            check(expression)
            parts.append(part)
    return f"all: {{{', '.join(parts)}}}" if len(parts) > 1 else None


def test_fuzz_no_expression_tells_a_header(fuzz: Fuzz) -> None:
    """Whatever is made of a value, no five characters of it in a row are told."""
    dice = random.Random(fuzz.seed)
    number, told = int(800 * fuzz.scale), 0
    headers = (
        ("x-a", _SECRET),
        ("x-b", f"{_SECRET},{_SECRET}"),
        ("user-agent", _SECRET),
        ("referer", _SECRET),
    )
    pieces = {_SECRET[start : start + 5].lower() for start in range(len(_SECRET) - 4)}
    for n in range(number):
        expression = Expressions(dice).make()
        limit = _limit(expression)
        if limit is None:
            continue
        told += 1
        try:
            record = asked(policy(limit), headers=headers, source="10.0.0.7:1", times=2)
            shown = (msgspec.json.encode(record).decode() + verbose_text(record)).lower()
            assert not [piece for piece in pieces if piece in shown]
            _check(record)
        except Exception as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed}, expression {n}: {expression}")
            raise
    assert told
    fuzz.done(f"expressions, {told} of them asked", number)
