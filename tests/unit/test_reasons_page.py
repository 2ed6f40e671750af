"""docs/reasons.md has every condition, reason, event and error of the source, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.generate_reasons import PAGE, ROOT, SECTIONS, advice, page, words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def of_source() -> dict[str, set[str]]:
    return words(ROOT / "src")


def test_what_is_checked_in_is_what_the_source_says(of_source: dict[str, set[str]]) -> None:
    assert PAGE.read_text() == page(of_source, advice()), "run `make generate`"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_word_has_advice_and_no_advice_is_for_a_word_that_is_gone(
    of_source: dict[str, set[str]], section: str
) -> None:
    found, told = of_source[section], advice()[section]
    assert sorted(found - told.keys()) == [], "say in scripts/reasons.yaml what it means and what to do"
    assert sorted(told.keys() - found) == [], "nobody says this any more: remove it from scripts/reasons.yaml"
    assert [word for word, text in told.items() if not (text["means"] and text["do"])] == []


@pytest.mark.parametrize(
    ("source", "section", "word"),
    [
        ('Condition(type="Ready", status="True", reason="Fine")', "reasons", "Fine"),
        ('Condition(type="Ready", status="True", reason="Fine")', "conditions", "Ready"),
        ('T = "kuadrant.io/Other"\nCondition(type=T, status="True")', "conditions", "kuadrant.io/Other"),
        ('def not_ready(reason, message): ...\nnot_ready("Away", "")', "reasons", "Away"),
        ('class Notice:\n    type: str\n    reason: str\nNotice("Normal", "Begun")', "reasons", "Begun"),
        ('class Acceptance:\n    reason: Literal["Yes", "No"]', "reasons", "No"),
        ('reason = "Ended" if over else other', "reasons", "Ended"),
        ('Reason = Literal["late"]', "refusals", "late"),
        ('_CODES: Final = {"LateError": 1}', "answers", "LateError"),
        ('logger.warning("it is late", by=3)', "log", "it is late"),
        ('_LOGGER.error("%d are late by %.3f s", 1, 2)', "log", "… are late by … s"),
    ],
)
def test_words_are_found_in_whichever_way_the_source_says_them(
    tmp_path: Path, source: str, section: str, word: str
) -> None:
    (tmp_path / "module.py").write_text(source)
    assert word in words(tmp_path)[section]
