"""A change is taken once it rests, and what has become empty is not taken for the wish to remove it."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import NoReturn

import pytest

from kuadrant.standalone import settled_folder
from kuadrant.standalone.folder_files import File, read
from kuadrant.standalone.settled_folder import emptied, read_settled


async def test_a_file_that_is_still_being_written_is_awaited(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("0")
    writing = True

    async def write() -> None:
        count = 0
        while writing and count < 50:
            count += 1
            path.write_text(str(count))
            await asyncio.sleep(0)
            await asyncio.to_thread(lambda: None)
        path.write_text("whole")

    writer = asyncio.create_task(write())
    reader = asyncio.create_task(read_settled(tmp_path))
    writing = False
    await writer
    assert await reader == (File("a.yaml", "whole"),)


def test_a_file_that_became_empty_is_an_error_and_a_removed_one_is_not(tmp_path: Path) -> None:
    before = (File("a.yaml", "kind: X"), File("b.yaml", "kind: Y"), File("c.yaml", ""))
    after = (File("a.yaml", " \n"), File("c.yaml", ""), File("d.yaml", ""))

    assert emptied(tmp_path, before, after) == (
        File("a.yaml", error="has become empty; remove the file to remove its objects"),
    )


@pytest.mark.parametrize("meanwhile", [None, "who"], ids=["gone", "cut short"])
async def test_a_file_that_is_gone_or_cut_short_for_a_moment_is_awaited(
    tmp_path: Path, meanwhile: str | None
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("whole")
    known = read(tmp_path)
    path.unlink()
    if meanwhile is not None:
        path.write_text(meanwhile)

    reader = asyncio.create_task(read_settled(tmp_path, known))
    asyncio.get_running_loop().call_later(0.1, path.write_text, "whole again")

    assert await reader == (File("a.yaml", "whole again"),)


HELD = (File("a.yaml", "kind: X"), File("sub/deep/b.yaml", "kind: Y"))


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


async def test_it_is_said_which_files_do_not_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    texts = iter("12345")

    def reading(_: Path) -> tuple[File, ...]:
        return (File("still.yaml", "x"), File("log.json", next(texts, "done")))

    monkeypatch.setattr(settled_folder, "read", reading)
    monkeypatch.setattr(settled_folder, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(settled_folder.logger, "warning", lambda text, **values: said.append((text, values)))

    assert (await read_settled(tmp_path))[1].text == "done"

    assert set(map(str, said)) == {"('the folder is taken when its files rest', {'files': ['log.json']})"}
