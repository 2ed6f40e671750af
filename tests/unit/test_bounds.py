"""The bounds of the source: what is beyond one is found, and the list of what may be so only shrinks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.bounds import EXCEPTIONS, beyond, circles, complaints, everything

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow  # `make test-fast` has it among its checks
def test_the_source_is_within_its_bounds() -> None:
    assert complaints(everything(), EXCEPTIONS) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles("kuadrant") == []


def test_the_list_of_exceptions_only_shrinks() -> None:
    """Lower these numbers with the list; they are never raised."""
    assert len(EXCEPTIONS) <= 31
    assert sum(EXCEPTIONS.values()) <= 7_245


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n" * 350, {}),
        ("x = 1\n" * 351, {"a.py": 351}),
        ("def f():\n" + "    x = 1\n" * 49, {}),
        ("def f():\n" + "    x = 1\n" * 50, {"a.py f": 51}),
        ("class A:\n    async def f(self):\n" + "        x = 1\n" * 50, {"a.py A.f": 51}),
        ("class A:\n" + "".join(f"    a{n}: int\n" for n in range(16)), {}),
        ("class A:\n" + "".join(f"    a{n}: int\n" for n in range(17)), {"a.py class A": 17}),
        (
            "class A:\n    a0: int\n    def f(self):\n"
            + "".join(f"        self.a{n} = 0\n" for n in range(17)),
            {"a.py class A": 17},
        ),
    ],
)
def test_what_is_beyond_a_bound_is_found(tmp_path: Path, text: str, found: dict[str, int]) -> None:
    (tmp_path / "a.py").write_text(text)
    assert beyond(tmp_path) == found


@pytest.mark.parametrize(
    ("found", "exceptions", "wrong"),
    [
        ({"a.py": 400}, {"a.py": 400}, []),
        ({"a.py": 399}, {"a.py": 400}, []),
        ({"a.py": 401}, {"a.py": 400}, ["a.py: 401, was 400"]),
        ({"a.py": 351}, {}, ["a.py: 351 is too much; divide it"]),
        ({}, {"a.py": 400}, ["a.py: within the bound, or gone; remove it from EXCEPTIONS of bounds.py"]),
    ],
)
def test_an_exception_may_shrink_and_then_goes(
    found: dict[str, int], exceptions: dict[str, int], wrong: list[str]
) -> None:
    assert complaints(found, exceptions) == wrong


@pytest.mark.parametrize(
    ("last", "found"),
    [("ring.a", [["ring.a", "ring.b", "ring.c"]]), ("json", [])],
)
def test_a_circle_of_imports_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str, found: list[list[str]]
) -> None:
    (tmp_path / "ring").mkdir()
    for name, other in (("__init__", ""), ("a", "ring.b"), ("b", "ring.c"), ("c", last), ("d", "ring.a")):
        (tmp_path / "ring" / f"{name}.py").write_text(f"import {other}\n" if other else "")
    monkeypatch.syspath_prepend(tmp_path)
    assert circles("ring") == found
