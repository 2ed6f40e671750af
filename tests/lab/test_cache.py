"""What is built is built once, and is there whole or not at all."""

import multiprocessing
import os
from pathlib import Path

import pytest

from lab import cache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_an_entry_is_built_once() -> None:
    built = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "file").write_text("x")

    found = cache.entry("kind/thing", ["v1"], build)
    assert cache.entry("kind/thing", ["v1"], build) == found
    assert (found / "file").read_text() == "x"
    assert len(built) == 1


def test_another_part_is_another_entry() -> None:
    def build(folder: Path) -> None:
        (folder / "file").touch()

    assert cache.entry("thing", ["v1"], build) != cache.entry("thing", ["v2"], build)


def test_a_build_that_fails_leaves_nothing_and_is_tried_again() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ValueError

    with pytest.raises(ValueError):
        cache.entry("thing", ["v1"], fail)
    assert [path for path in cache.home().iterdir() if path.is_dir()] == []
    assert list(cache.entry("thing", ["v1"], lambda _: None).iterdir()) == []


def test_a_folder_counts_by_what_is_in_it(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "file").write_text("same")
    assert cache.digest([folders[0]]) == cache.digest([folders[1]])
    (folders[1] / "sub" / "file").write_text("other")
    assert cache.digest([folders[0]]) != cache.digest([folders[1]])


def test_only_the_newest_are_kept_if_asked_for() -> None:
    def build(folder: Path) -> None:
        (folder / "file").touch()

    made = []
    for version in range(4):
        made.append(cache.entry("kind/thing", [str(version)], build, keep=2))
        os.utime(made[-1], (version, version))
    other = cache.entry("kind/thing-else", ["0"], build)
    assert [path.exists() for path in made] == [False, False, True, True]
    assert other.exists()


def _count(folder: Path, seen: Path) -> None:
    with seen.open("a") as file:
        file.write("built\n")
    (folder / "file").touch()


def _want(seen: Path) -> None:
    cache.entry("thing", ["v1"], lambda folder: _count(folder, seen))


def test_several_that_want_it_at_once_build_it_once(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    wanting = [multiprocessing.get_context("fork").Process(target=_want, args=(seen,)) for _ in range(4)]
    for process in wanting:
        process.start()
    for process in wanting:
        process.join()
    assert [process.exitcode for process in wanting] == [0] * 4
    assert seen.read_text() == "built\n"
