"""The module evaluates as Google's CEL does, whatever the expression and the request."""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuadrant import wasm
from kuadrant.expressions.not_evaluable import OutsideError

from .evaluations import ENDED, ERROR, UNREADABLE, attributes, compiled, of_activation, of_google, of_module
from .generated_expressions import Expressions, request

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .program_runner import Runner

pytestmark = pytest.mark.slow

PACKAGED = Path(wasm.__file__).parent / "modules" / "kuadrant-wasm-shim.wasm"
PAIRS = 10_000
HEADERS_ELSEWHERE = re.compile(r"(orValue\(|[?:] |(?<!cel\.bind\(v\d), |[\[{])request\.headers(?![\[.\w])")
"""Google's finds a header in any case where all headers are asked, not what another map could be."""
LEFT_OUT = {UNREADABLE: "unreadable in Python", ENDED: "ended as a whole by Google's"}
REQUESTS = 5
"""So many for each expression."""


def of_the_module() -> int:
    """The seed of the usual run: other pairs for each module, and for the same one the same.

    So that what turns it red is a change. `make prove-expressions` has others each time.
    """
    return int.from_bytes(hashlib.sha256(PACKAGED.read_bytes()).digest()[:4])


@pytest.mark.timeout(14400)
def test_fuzz_expressions_and_requests(runner: Runner, fuzz: Fuzz) -> None:
    seed = fuzz.seed if fuzz.scale > 1 or "FUZZ_SEED" in os.environ else of_the_module()
    source = random.Random(seed)
    expressions = Expressions(source)
    counted: Counter[str] = Counter()
    while counted["compared"] < PAIRS * fuzz.scale:
        text = expressions.make()
        if HEADERS_ELSEWHERE.search(text):
            continue
        try:
            google, program = compiled(text, fold=source.random() < 0.3)
        except (OutsideError, RuntimeError):
            continue
        for _ in range(REQUESTS):
            one = request(source)
            wanted = of_google(google, of_activation(one))
            found = of_module(runner.evaluate(program, attributes(one)))
            if isinstance(wanted, str) and wanted in LEFT_OUT:
                counted[LEFT_OUT[wanted]] += 1
                continue
            assert repr(found) == repr(wanted), f"{text}\n{one}\nFUZZ_SEED={seed}"
            counted.update(["compared", "failures" if wanted == ERROR else "values"])
        fuzz.progress(counted["compared"], PAIRS * fuzz.scale)
    shown = ", ".join(f"{number} {what}" for what, number in sorted(counted.items()) if what != "compared")
    fuzz.done(f"pairs of an expression and a request (from {seed}; {shown})", counted["compared"])
