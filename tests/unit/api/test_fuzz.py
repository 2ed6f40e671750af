"""No text whatever makes the reader raise, and no object leaves it that breaks its own struct."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from kuadrant.api.documents import read
from tests.unit.mutations import ODD, TOKENS

from .mutated_documents import CORPUS, MUTATIONS

if TYPE_CHECKING:
    from tests.conftest import Fuzz

pytestmark = pytest.mark.slow


def check(text: str) -> None:
    """Read ``text`` and hold the result against what is promised of it."""
    folder = read([("a.yaml", text)])
    lines = (
        text.count("\n")
        + text.count("\r")
        + text.count("\u2028")
        + text.count("\u2029")
        + text.count("\x85")
        + 1
    )
    for problem in (*folder.problems, *folder.notes):
        assert 1 <= problem.line <= lines, problem
        assert problem.column >= 1, problem
        assert problem.message, problem
        assert "\n" not in str(problem), problem
    for objects in msgspec.structs.astuple(folder.objects):
        for one in objects:
            assert msgspec.convert(msgspec.to_builtins(one), type(one)) == one


def test_the_corpus_is_sound() -> None:
    for text in CORPUS:
        assert not read([("a.yaml", text)]).problems


def test_mutated_documents(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    number = int(30_000 * fuzz.scale)
    for n in range(number):
        text = MUTATIONS.any(dice)
        try:
            check(text)
        except Exception as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed}, document {n}:\n{text!r}")
            raise
    fuzz.done("mutated documents", number)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(MUTATIONS.keys),
    st.sampled_from([value for value in ODD if isinstance(value, str)]),
)
TREES = st.recursive(
    LEAVES,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(MUTATIONS.keys) | st.text(max_size=3), below, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(sorted({document["apiVersion"] for document in MUTATIONS.documents}))
        | LEAVES,
        "kind": st.sampled_from(sorted({document["kind"] for document in MUTATIONS.documents})) | LEAVES,
    },
    optional={"metadata": st.just({"name": "a"}) | TREES, "spec": TREES, "items": TREES, "endpoints": TREES},
).map(lambda one: json.dumps(one, ensure_ascii=False))
TEXTS = st.one_of(
    st.text(), st.lists(st.sampled_from(TOKENS + MUTATIONS.keys), max_size=30).map("".join), OBJECTS
)


def test_texts_of_any_kind(fuzz: Fuzz) -> None:
    number = int(6_000 * fuzz.scale)
    inputs = 0

    @seed(fuzz.seed)
    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(TEXTS)
    def run(text: str) -> None:
        nonlocal inputs
        inputs += 1
        check(text)

    run()
    fuzz.done("texts", inputs)
