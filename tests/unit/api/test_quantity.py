"""Kubernetes' quantities are read as Kubernetes reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kuadrant.api.quantity import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", "1"),
        (2, "2"),
        ("1000m", "1"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("250u", "0.00025"),
        ("7n", "0.000000007"),
        ("2k", "2000"),
        ("1Ki", "1024"),
        ("512Mi", str(512 << 20)),
        ("1.5Gi", str(3 << 29)),
        ("3E", "3e18"),
        ("3e3", "3000"),
        ("1E2", "100"),
        ("-1", "-1"),
    ],
)
def test_a_quantity_is_a_number(text: object, number: str) -> None:
    assert quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "Mi", "1K", "1mi", "1 Mi", "1e400", "\u0661", None, True, {}])
def test_anything_else_is_none(text: object) -> None:
    assert quantity(text) is None
