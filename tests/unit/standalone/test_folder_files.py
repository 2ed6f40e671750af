"""Reading the folder: all of it or a word, and nothing that is not meant."""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from kuadrant.standalone import folder_files, folder_selection
from kuadrant.standalone.folder_files import File, read
from kuadrant.standalone.folder_selection import FolderError
from tests.unit.standalone.names import not_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_yaml_and_json_files_are_read_by_path_order_at_every_depth(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("b")
    (tmp_path / "a.yaml").write_text("\ufeffa", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("no")
    (tmp_path / ".hidden.yaml").write_text("no")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "d.yaml").write_text("no")

    assert read(tmp_path) == (File("a.yaml", "a"), File("b.yml", "b"), File("deep/c.json", "{}"))


def test_tests_of_policies_are_no_part_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a.yaml", "a.kuadrant-test.yaml", "b.kuadrant-test.yml", "deep/c.kuadrant-test.json"):
        (tmp_path / name).write_text("tests: []")

    assert read(tmp_path) == (File("a.yaml", "tests: []"),)
    found = [Path(entry.path).relative_to(tmp_path) for entry in folder_selection.walk(tmp_path).tests]
    assert [*map(str, found)] == ["a.kuadrant-test.yaml", "b.kuadrant-test.yml", "deep/c.kuadrant-test.json"]


def test_a_single_file_is_read_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")

    assert folder_files.read_file(tmp_path / "a.yaml", "b") == File("b", "a")
    assert folder_files.read_file(tmp_path, "b") == File("b", error="is not a regular file")
    assert folder_files.read_file(tmp_path / "no", "b").error == "cannot be read: No such file or directory"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")

    assert read(tmp_path) == (
        File("broken.yaml", error="cannot be read: No such file or directory"),
        File("latin.yaml", error="is not UTF-8 text (byte 9)"),
    )


def test_a_name_that_is_no_utf8_is_read_and_named_so_that_it_can_be_printed(tmp_path: Path) -> None:
    below = not_utf8(tmp_path, b"caf\xe9")
    below.mkdir()
    not_utf8(below, b"a\xff.yaml").write_text("a")

    (file,) = read(tmp_path)
    assert file == File(r"caf\xe9/a\xff.yaml", "a")
    with pytest.raises(FolderError) as raised:
        read(not_utf8(tmp_path, b"gone\xe9"))
    assert r"gone\xe9 does not exist" in str(raised.value)
    str(raised.value).encode()


def test_a_folder_beyond_its_bounds_says_which_files_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_files, "_MAX_FILE_BYTES", 2 * 2**20)
    monkeypatch.setattr(folder_files, "_MAX_FOLDER_BYTES", 3 * 2**20)
    (tmp_path / "a.yaml").write_bytes(b"#" * (2 * 2**20 + 1))
    (tmp_path / "b.yaml").write_bytes(b"#" * 2**20)
    (tmp_path / "c.yaml").write_bytes(b"#" * 2 * 2**20)
    (tmp_path / "d.yaml").write_bytes(b"#")

    assert [(file.path, file.error) for file in read(tmp_path)] == [
        ("a.yaml", "is larger than 2 MiB"),
        ("b.yaml", None),
        ("c.yaml", None),
        ("d.yaml", "is not read: the folder has more than 3 MiB"),
    ]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="nowhere does not exist; give a folder or a file of YAML"):
        read(tmp_path / "nowhere")


def test_a_single_file_stands_for_a_folder_that_holds_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.yaml").write_text("b")
    path = tmp_path / "a.txt"

    assert read(path) == (File(str(path), "a"),)
    found = folder_selection.walk(path)
    assert (found.folders, [entry.path for entry in found.files]) == ((str(tmp_path),), [str(path)])


def test_a_linked_folder_is_read_and_a_link_back_is_not_followed_again(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.yaml").write_text("a")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "again").symlink_to(tmp_path / "here")

    assert read(tmp_path / "here") == (File("linked/a.yaml", "a"),)


def test_a_folder_below_that_may_not_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.yaml").write_text("a")
    scandir = os.scandir

    def refuse(path: str) -> object:  # root, whom these tests may run as, may list everything
        if path.endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    with pytest.raises(FolderError, match="closed cannot be listed: Permission denied"):
        read(tmp_path)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    assert read(tmp_path) == (File("a.yaml", error="is not a regular file"),)


def test_a_pipe_that_took_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading would never end, and no change be taken again."""
    os.mkfifo(tmp_path / "a.yaml")
    monkeypatch.setattr(stat, "S_ISREG", lambda _: True)  # it was one when it was looked at

    assert read(tmp_path) == (File("a.yaml"),)


def test_folders_below_folders_are_read_however_many_there_are(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a"] * 200)
    deep.mkdir(parents=True)
    (deep / "a.yaml").write_text("text")
    former = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 120)
    try:
        assert [file.text for file in read(tmp_path)] == ["text"]
    finally:
        sys.setrecursionlimit(former)


@pytest.mark.parametrize("leads_to", ["nowhere", "itself", "closed/below"])
def test_a_link_that_may_lead_to_a_folder_and_cannot_be_followed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leads_to: str
) -> None:
    """What is there would be missed, and its routes be without their limits."""
    (tmp_path / "policies").symlink_to(tmp_path / ("policies" if leads_to == "itself" else leads_to))
    if leads_to == "closed/below":
        close(monkeypatch, tmp_path / "policies")

    (file,) = read(tmp_path)

    assert file.path == "policies"
    assert file.error is not None
    assert file.error.startswith("leads to what cannot be looked at (")
    assert file.error.endswith("); bring that back, or remove the link")


def close(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    """Have ``closed`` lead to what may not be looked at, also by root."""
    scandir = os.scandir

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.path = entry.name, entry.path

        def is_dir(self) -> bool:
            raise PermissionError(errno.EACCES, "Permission denied", self.path)

    @contextlib.contextmanager
    def listed(path: str) -> Iterator[Iterator[object]]:
        with scandir(path) as entries:
            yield (Entry(entry) if entry.path == str(closed) else entry for entry in entries)

    monkeypatch.setattr(os, "scandir", listed)


def test_a_link_that_leads_out_to_where_the_folder_is_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.yaml").write_text("a")
    (tmp_path / "here" / "all").symlink_to("/")

    with pytest.raises(FolderError, match="here/all leads to a folder that this one is in"):
        read(tmp_path / "here")


def test_a_folder_with_more_than_a_folder_of_yaml_has_is_an_error_and_no_endless_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_selection, "_MOST_ENTRIES", 10)
    for place in ("here", "disk"):
        (tmp_path / place).mkdir()
    for count in range(20):
        (tmp_path / "disk" / str(count)).touch()
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "disk")
    opened = scanned(monkeypatch)

    with pytest.raises(FolderError, match=r"more than 10 files and folders, the last in .*linked; remove"):
        read(tmp_path / "here")

    assert opened == [str(tmp_path / "here"), str(tmp_path / "here" / "linked")]


def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are listed from now on."""
    paths: list[str] = []
    scandir = os.scandir

    def noted(path: str) -> object:
        paths.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    return paths


def test_a_folder_that_may_not_be_reached_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)

    with pytest.raises(FolderError, match="cannot be listed: Permission denied"):
        read(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred sparse ones of 10 GB took as many reads of what may be read at most."""
    with (tmp_path / "a.yaml").open("wb") as sparse:
        sparse.truncate(10 << 30)
    monkeypatch.setattr(folder_files, "_without_waiting", lambda *_: pytest.fail("it is read"))

    assert read(tmp_path) == (File("a.yaml", error="is larger than 16 MiB"),)
