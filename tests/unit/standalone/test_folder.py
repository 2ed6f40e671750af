"""Reading the folder, and noticing what changed in it."""

from __future__ import annotations

import asyncio
import errno
import inspect
import os
import stat
import sys
from pathlib import Path
from typing import NoReturn, Self

import pytest

from kuadrant.standalone import folder
from kuadrant.standalone.folder import File


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


def not_utf8(folder: Path, name: bytes) -> Path:
    return Path(os.fsdecode(os.path.join(os.fsencode(folder), name)))  # noqa: PTH118 - a path of bytes


def test_a_name_that_is_no_utf8_is_read_and_named_so_that_it_can_be_printed(tmp_path: Path) -> None:
    below = not_utf8(tmp_path, b"caf\xe9")
    below.mkdir()
    not_utf8(below, b"a\xff.yaml").write_text("a")

    (file,) = folder.read(tmp_path)
    assert file == File(r"caf\xe9/a\xff.yaml", "a")
    with pytest.raises(folder.FolderError) as raised:
        folder.read(not_utf8(tmp_path, b"gone\xe9"))
    assert r"gone\xe9 does not exist" in str(raised.value)
    str(raised.value).encode()


def test_a_folder_beyond_its_bounds_says_which_files_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_MAX_FILE_BYTES", 2 * 2**20)
    monkeypatch.setattr(folder, "_MAX_FOLDER_BYTES", 3 * 2**20)
    (tmp_path / "a.yaml").write_bytes(b"#" * (2 * 2**20 + 1))
    (tmp_path / "b.yaml").write_bytes(b"#" * 2**20)
    (tmp_path / "c.yaml").write_bytes(b"#" * 2 * 2**20)
    (tmp_path / "d.yaml").write_bytes(b"#")

    assert [(file.path, file.error) for file in folder.read(tmp_path)] == [
        ("a.yaml", "is larger than 2 MiB"),
        ("b.yaml", None),
        ("c.yaml", None),
        ("d.yaml", "is not read: the folder has more than 3 MiB"),
    ]


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


def test_a_linked_folder_is_read_and_a_link_back_is_not_followed_again(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.yaml").write_text("a")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "again").symlink_to(tmp_path / "here")

    assert folder.read(tmp_path / "here") == (File("linked/a.yaml", "a"),)


def test_a_folder_below_that_may_not_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.yaml").write_text("a")
    scandir = os.scandir

    def refuse(path: Path) -> object:  # root, whom these tests may run as, may list everything
        if path.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    with pytest.raises(folder.FolderError, match="closed cannot be listed: Permission denied"):
        folder.read(tmp_path)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    assert folder.read(tmp_path) == (File("a.yaml", error="is not a regular file"),)


def test_a_pipe_that_took_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading would never end, and no change be taken again."""
    os.mkfifo(tmp_path / "a.yaml")
    monkeypatch.setattr(stat, "S_ISREG", lambda _: True)  # it was one when it was looked at

    assert folder.read(tmp_path) == (File("a.yaml"),)


def test_folders_below_folders_are_read_however_many_there_are(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a"] * 200)
    deep.mkdir(parents=True)
    (deep / "a.yaml").write_text("text")
    former = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 120)
    try:
        assert [file.text for file in folder.read(tmp_path)] == ["text"]
    finally:
        sys.setrecursionlimit(former)


@pytest.mark.parametrize("meanwhile", [None, "who"], ids=["gone", "cut short"])
async def test_a_file_that_is_gone_or_cut_short_for_a_moment_is_awaited(
    tmp_path: Path, meanwhile: str | None
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("whole")
    known = folder.read(tmp_path)
    path.unlink()
    if meanwhile is not None:
        path.write_text(meanwhile)

    reader = asyncio.create_task(folder.read_settled(tmp_path, known))
    asyncio.get_running_loop().call_later(0.1, path.write_text, "whole again")

    assert await reader == (File("a.yaml", "whole again"),)


class Follower:
    """Counts the changes of a folder that were noticed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = asyncio.Event()
        self._noticed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        await asyncio.sleep(0)
        return self

    async def _follow(self) -> None:
        async for _ in folder.changes(self._path, self._stop):
            self._noticed.set()

    async def next(self) -> None:
        await self._noticed.wait()
        self._noticed.clear()

    async def __aexit__(self, *exception: object) -> None:
        self._stop.set()
        await self._task


async def test_a_folder_that_is_made_anew_is_followed_on(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    async with Follower(path) as follower:
        path.rmdir()
        await follower.next()
        path.mkdir()
        await follower.next()
        (path / "a.yaml").write_text("new")
        await follower.next()


async def test_a_folder_that_takes_the_place_of_another_is_followed_on(tmp_path: Path) -> None:
    path = tmp_path / "current"
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
    path.symlink_to("1")
    async with Follower(path) as follower:
        (tmp_path / "next").symlink_to("2")
        (tmp_path / "next").rename(path)
        await follower.next()
        (path / "a.yaml").write_text("new")
        await follower.next()


async def test_a_change_of_what_a_link_leads_to_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "elsewhere.yaml").write_text("old")
    (tmp_path / "folder" / "a.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    async with Follower(tmp_path / "folder") as follower:
        (tmp_path / "elsewhere.yaml").write_text("changed")
        await follower.next()


@pytest.mark.slow
@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"caf\xe9.yaml", b"caf\xe9/a.yaml", b"\x80\n\x1b[31m"])
@pytest.mark.parametrize("first", [True, False], ids=["at the start", "while it runs"])
async def test_beside_a_name_that_is_no_utf8_changes_are_noticed(
    tmp_path: Path, name: bytes, first: bool
) -> None:
    strange = not_utf8(tmp_path, name)

    def write(text: str) -> None:
        strange.parent.mkdir(exist_ok=True)
        strange.write_text(text)

    if first:
        write("x")
    async with Follower(tmp_path) as follower:
        write("y")
        for text in ("1", "22", "333"):
            (tmp_path / "a.yaml").write_text(text)
            await follower.next()
            write(text)


async def test_a_folder_whose_own_name_is_no_utf8_is_followed(tmp_path: Path) -> None:
    path = not_utf8(tmp_path, b"caf\xe9")
    path.mkdir()
    async with Follower(path) as follower:
        (path / "a.yaml").write_text("new")
        await follower.next()


async def test_without_watches_changes_are_noticed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "OS file watch limit reached")

    monkeypatch.setattr(folder, "awatch", none_left)
    async with Follower(tmp_path) as follower:
        (tmp_path / "a.yaml").write_text("new")
        await follower.next()


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
