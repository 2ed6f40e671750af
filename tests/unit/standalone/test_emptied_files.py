"""What has become empty is not taken for the wish to remove it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from kuadrant.standalone.emptied_files import emptied
from kuadrant.standalone.folder_files import File

HELD = (File("a.yaml", "kind: X"), File("sub/deep/b.yaml", "kind: Y"))


def test_a_file_that_became_empty_is_an_error_and_a_removed_one_is_not(tmp_path: Path) -> None:
    before = (File("a.yaml", "kind: X"), File("b.yaml", "kind: Y"), File("c.yaml", ""))
    after = (File("a.yaml", " \n"), File("c.yaml", ""), File("d.yaml", ""))

    assert emptied(tmp_path, before, after) == (
        File("a.yaml", error="has become empty; remove the file to remove its objects"),
    )


def test_a_folder_that_became_empty_is_an_error(tmp_path: Path) -> None:
    """As one that was unmounted does; what it held ran a moment ago."""
    assert emptied(tmp_path, HELD, ()) == (
        File(".", error="has become empty; to remove all objects, put an empty file there"),
    )


@pytest.mark.parametrize("empty", ["sub", "sub/deep", "sub/deep/b.yaml"])
def test_a_folder_below_or_in_place_of_a_file_that_is_empty_is_an_error(tmp_path: Path, empty: str) -> None:
    (tmp_path / empty).mkdir(parents=True)

    wrong = emptied(tmp_path, HELD, HELD[:1])

    assert {file.error for file in wrong} == {
        "has become an empty folder; remove the folder to remove its objects"
    }
    assert empty in {file.path for file in wrong}


def test_what_was_removed_or_moved_is_no_error(tmp_path: Path) -> None:
    assert emptied(tmp_path, HELD, HELD[:1]) == ()
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    assert emptied(tmp_path, HELD, (*HELD[:1], File("c.yaml", HELD[1].text))) == ()
    assert emptied(tmp_path, HELD, (*HELD[:1], File("sub/deep/c.yaml", "kind: Z"))) == ()


def test_what_was_lost_may_be_where_nobody_may_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dark = File("sub", error="leads to what cannot be looked at")

    def refuse(path: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)

    assert emptied(tmp_path, HELD, (*HELD[:1], dark)) == ()
