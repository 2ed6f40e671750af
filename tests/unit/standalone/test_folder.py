"""Reading the folder, and noticing what changed in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kuadrant.standalone import folder
from kuadrant.standalone.folder import File

if TYPE_CHECKING:
    from pathlib import Path


def test_yaml_and_json_files_are_read_by_path_order_at_every_depth(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("b")
    (tmp_path / "a.yaml").write_text("\ufeffa", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("no")
    (tmp_path / ".hidden.yaml").write_text("no")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "d.yaml").write_text("no")

    assert folder.read(tmp_path) == (File("a.yaml", "a"), File("b.yml", "b"), File("deep/c.json", "{}"))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")

    assert folder.read(tmp_path) == (
        File("broken.yaml", error="cannot be read: No such file or directory"),
        File("latin.yaml", error="is not UTF-8 text (byte 9)"),
    )


def test_a_missing_folder_and_a_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(folder.FolderError, match="nowhere does not exist; give a folder with YAML files"):
        folder.read(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(folder.FolderError, match="file is not a folder"):
        folder.read(tmp_path / "file")


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
    reader = asyncio.create_task(folder.read_settled(tmp_path))
    writing = False
    await writer
    assert await reader == (File("a.yaml", "whole"),)


def test_a_file_that_became_empty_is_an_error_and_a_removed_one_is_not() -> None:
    before = (File("a.yaml", "kind: X"), File("b.yaml", "kind: Y"), File("c.yaml", ""))
    after = (File("a.yaml", " \n"), File("c.yaml", ""), File("d.yaml", ""))

    assert folder.emptied(before, after) == (
        File("a.yaml", error="has become empty; remove the file to remove its objects"),
    )


async def test_a_change_is_noticed_until_told_to_stop(tmp_path: Path) -> None:
    stop = asyncio.Event()
    seen: asyncio.Queue[None] = asyncio.Queue()

    async def watch() -> None:
        async for _ in folder.changes(tmp_path, stop):
            seen.put_nowait(None)

    watcher = asyncio.create_task(watch())
    # The watcher reports nothing when it is in place, so the file is written until it was noticed.
    count = 0
    while seen.empty():
        count += 1
        (tmp_path / "a.yaml").write_text(str(count))
        await asyncio.sleep(0.01)
    stop.set()
    await watcher
