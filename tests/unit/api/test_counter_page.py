"""Who proves that he has the key is shown values: for one pod, for a minute."""

from __future__ import annotations

import pytest

from kuadrant.api.counter_page import PROOF_SECONDS, CounterLine, CounterPage, is_proof, masked, proof

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = 1_000.0


def test_a_proof_is_one_for_its_pod_and_its_time() -> None:
    shown = proof(KEY, "uid", NOW)
    assert is_proof(shown, (OTHER, KEY), "uid", NOW)
    assert is_proof(shown, (KEY,), "uid", NOW + PROOF_SECONDS)


@pytest.mark.parametrize(
    ("keys", "uid", "now"),
    [
        ((OTHER,), "uid", NOW),
        ((), "uid", NOW),
        ((KEY,), "another", NOW),
        ((KEY,), "uid", NOW + PROOF_SECONDS + 1),
        ((KEY,), "uid", NOW - 10),
    ],
)
def test_it_is_none_for_another_key_or_pod_or_time(keys: tuple[bytes, ...], uid: str, now: float) -> None:
    assert not is_proof(proof(KEY, "uid", NOW), keys, uid, now)


@pytest.mark.parametrize(
    "shown", ["", " ", "1060", "1060 ", "x y", "9" * 400 + " a", "\uff11\uff10 a", "1060 \xff"]
)
def test_what_is_no_proof_is_none(shown: str) -> None:
    assert not is_proof(shown, (KEY,), "uid", NOW)


def test_a_masked_page_has_no_value() -> None:
    line = CounterLine(
        scope="a/b",
        limit="l",
        max_value=1,
        seconds=1,
        value=1,
        remaining=0,
        resets_in=1.0,
        key=(("user", "alice"),),
    )
    page = masked(CounterPage(lines=(line,), masked=False), lambda _: "*")
    assert (page.lines[0].key, page.masked) == ((("user", "*"),), True)
