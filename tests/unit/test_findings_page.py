"""docs/findings.md has a section for each code, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kuadrant.findings import RULES, Rule
from scripts.generate_findings import PAGE, page

SOURCE = Path(__file__).parents[2] / "src" / "kuadrant"


def test_what_is_checked_in_is_what_the_source_says() -> None:
    assert PAGE.read_text() == page(), "run `make generate`"


def test_every_code_has_a_section() -> None:
    assert sorted(re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)) == sorted(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_code_is_written_with_dashes_and_its_texts_are_sentences(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.code)
    for text in (rule.title, rule.means, rule.do):
        assert text.endswith((".", "?"))
        assert text[0].isupper() or text[0] == "`"


def test_every_code_of_a_problem_is_known() -> None:
    """A code that is written anywhere in the source has a rule: a finding without one cannot be told."""
    calls = re.compile(
        r"""(?:problem|Problem|_problem|_refusal|_wrong|_warning)\((?:[^()]|\([^()]*\))*?"([a-z]+(?:-[a-z]+)+)\"""",
    )
    told = {
        code
        for file in sorted(SOURCE.rglob("*.py"))
        for code in calls.findall(file.read_text())
        if file.parts[-2] in ("api", "policy", "compiler", "dialects", "findings", "standalone")
    }
    assert len(told) > 20
    assert told - RULES.keys() == set()
