"""Noticing what changed in the folder."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, NoReturn, Self

import pytest

from kuadrant.standalone import folder_watch
from tests.unit.standalone.names import not_utf8

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


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
        async for _ in folder_watch.changes(self._path, self._stop):
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


async def test_of_a_single_file_what_is_beside_it_is_not_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a")
    noticed = 0
    stop = asyncio.Event()

    async def follow() -> None:
        nonlocal noticed
        async for _ in folder_watch.changes(path, stop):
            noticed += 1
            stop.set()

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    (tmp_path / "b.yaml").write_text("b")
    await asyncio.wait((following,), timeout=0.5)
    assert noticed == 0
    path.write_text("new")
    await following
    assert noticed == 1


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

    monkeypatch.setattr(folder_watch, "awatch", none_left)
    async with Follower(tmp_path) as follower:
        (tmp_path / "a.yaml").write_text("new")
        await follower.next()


async def test_a_change_of_a_test_of_policies_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{tmp_path}/a.kuadrant-test.yaml"
    told: list[set[tuple[int, str]]] = [{(2, path)}, set(), {(2, path), (2, f"{tmp_path}/a.yaml")}]

    async def watched(*_: object, **__: object) -> AsyncIterator[set[tuple[int, str]]]:
        for one in told:
            yield one

    monkeypatch.setattr(folder_watch, "awatch", watched)
    ticks = folder_watch._ticks((str(tmp_path),), asyncio.Event(), folder_watch._Said())
    assert [tick async for tick in ticks] == [False, False, True]


async def test_a_change_is_noticed_until_told_to_stop(tmp_path: Path) -> None:
    stop = asyncio.Event()
    seen: asyncio.Queue[None] = asyncio.Queue()

    async def watch() -> None:
        async for _ in folder_watch.changes(tmp_path, stop):
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


async def test_a_folder_that_comes_later_is_followed_too(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    async with Follower(tmp_path / "here") as follower:
        (tmp_path / "here" / "linked").symlink_to(tmp_path / "elsewhere")
        await follower.next()
        (tmp_path / "elsewhere" / "deep" / "a.yaml").write_text("new")
        await follower.next()


async def test_the_system_is_asked_for_what_is_read_and_not_for_all_that_a_link_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library follows links by itself: a whole disk, while all calls wait."""
    (tmp_path / "below" / ".git" / "objects").mkdir(parents=True)
    (tmp_path / "back").symlink_to(tmp_path)
    asked: list[tuple[str, ...]] = []
    recursive: list[object] = []

    async def awatch(*folders: str, **options: object) -> AsyncIterator[set[object]]:
        asked.append(folders)
        recursive.append(options["recursive"])
        yield {(2, "something")}

    monkeypatch.setattr(folder_watch, "awatch", awatch)
    async with Follower(tmp_path) as follower:
        await follower.next()

    assert asked[0] == (str(tmp_path), str(tmp_path / "below"))
    assert recursive[0] is False
