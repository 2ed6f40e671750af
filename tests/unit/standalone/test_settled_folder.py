"""A change of the folder is taken once it rests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kuadrant.standalone import settled_folder
from kuadrant.standalone.folder_files import File, read
from kuadrant.standalone.settled_folder import read_settled

if TYPE_CHECKING:
    from pathlib import Path


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
