"""The page of the doctor has every code."""

from __future__ import annotations

import pytest

from kuadrant.doctor import SYMPTOMS
from scripts.generate_doctor import PAGE, page


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run `make generate`"


@pytest.mark.parametrize("code", SYMPTOMS)
def test_each_code_has_a_place_that_findings_lead_to(code: str) -> None:
    assert f"\n## {code}\n" in page()
