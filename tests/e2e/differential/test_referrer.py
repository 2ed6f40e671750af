"""What a real Envoy takes for a ``referer``, and so what is told of one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from kuadrant.reference_model.filter_view import is_referrer

from .expression_cases import case, limit
from .generator import Asked

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .conftest import Reality

pytestmark = pytest.mark.e2e

REFERRERS = 500
PIECES = [
    *("http", "https", "x-y", "HTTP", "mailto", "about:blank", "a.b", "a", "1", "-", ".", "~", "_", "é", " "),
    *("://", "//", "/", "?", "#", ":", "@", "[", "]", "[::1]", "%", "%zz", "!", "$", "&", "'", "(", "*", "+"),
    *(",", ";", "=", '"', "<", "|", "^", "`", "{", "}", "\\", "80", ":0", ":080", ":65535", ":65536"),
]
BEGINNINGS = ("", "", "/", "http://", "http://a", "http://a")


def test_what_is_taken_for_a_referrer(reality: Reality, fuzz: Fuzz) -> None:
    source = random.Random(fuzz.seed)
    counted = limit("request.headers['referer']")
    assert counted is not None
    reality.configure(case([counted], []))
    for _ in range(int(REFERRERS * fuzz.scale)):
        made = source.choice(BEGINNINGS) + "".join(source.choices(PIECES, k=source.randint(0, 5)))
        value = made.strip(" ")
        headers = (("referer", value), ("x-case", "0"))
        (found,) = reality.ask([(0.0, Asked("g0", 80, "a", "GET", "/", headers))])
        assert bool(found.questions) == is_referrer(value), f"{value!r} FUZZ_SEED={fuzz.seed}"
    fuzz.done("referrers", int(REFERRERS * fuzz.scale))
