"""Texts are read as numbers, moments and truths as Google's CEL reads them, however odd they are."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from .evaluations import ERROR, compiled, of_google, of_module

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .program_runner import Runner

pytestmark = pytest.mark.slow

TEXTS = 5000
READ = {
    "timestamp": [
        *("2024-02-29T12:30:00.5Z", "2020-01-01T00:00:00+01:00", "1970-01-01T00:00:00Z", "2019-1-3t3:0:0z"),
        *("9999-12-31T23:59:59.9Z", "0001-01-01T00:00:00Z", "2019-01-03T03:00:00-08:30:15"),
    ],
    "duration": [
        *("1h30m", "-1.5s", "10s", "0", "1ns", "1us", "1ms", "2562047h47m16.854775807s", ".5s", "1.h", "+1s"),
        "9223372036854775807ns",
    ],
    "int": ["1", "-5", "+1", "9223372036854775807", "-9223372036854775808", "0", "007", " 1", "1 "],
    "uint": ["1", "18446744073709551615", "0", "+1", "-0", "-1"],
    "double": [
        *("1.5", "1e3", "-2.5e-3", "inf", "nan", "Infinity", "-inf", "0x1p3", ".5", "5.", "1e400", "1e-400"),
        *("1E5", "NaN", "infinity", "nan(1)", "+1"),
    ],
    "bool": ["true", "False", "1", "t", "TRUE", "0"],
}
CHARACTERS = "0123456789+-.:TtZz eExXpPinfaNu sMmhµ\t\n\r\v\f_,()/"


def changed(text: str, source: random.Random) -> str:
    """``text`` with a character more, less or in the place of another, or a part of it twice."""
    start, end = sorted(source.randint(0, len(text)) for _ in range(2))
    character = source.choice(CHARACTERS)
    return source.choice(
        [
            text[:start] + character + text[start:],
            text[:start] + text[start + 1 :],
            text[:start] + character + text[start + 1 :],
            text[:end] + text[start:],
        ]
    )


@pytest.mark.timeout(14400)
def test_fuzz_texts_that_are_read(runner: Runner, fuzz: Fuzz) -> None:
    source = random.Random(fuzz.seed)
    both = {name: compiled(f"{name}(request.id)", fold=False) for name in READ}
    outcomes: Counter[str] = Counter()
    while outcomes.total() < TEXTS * fuzz.scale:
        name = source.choice([*READ])
        text = source.choice(READ[name])
        for _ in range(source.randint(0, 3)):
            text = changed(text, source)
        google, program = both[name]
        wanted = of_google(google, {"request": {"id": text}})
        found = of_module(runner.evaluate(program, {("request", "id"): text}))
        assert repr(found) == repr(wanted), f"{name}({text!r}) FUZZ_SEED={fuzz.seed}"
        outcomes["failures" if wanted == ERROR else "values"] += 1
        fuzz.progress(outcomes.total(), TEXTS * fuzz.scale)
    shown = ", ".join(f"{number} {what}" for what, number in sorted(outcomes.items()))
    fuzz.done(f"texts that were read ({shown})", outcomes.total())
