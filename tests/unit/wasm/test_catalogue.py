"""The modules that a build carries: what the lock file names, byte for byte, or nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuadrant.wasm import (
    CatalogueError,
    carried,
    catalogue,
    current,
    embedded,
    folder_changes,
    inspect,
    lock,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES = Path(catalogue.__file__).parent / "modules"


def add(folder: Path, version: str, data: bytes, *, file: str = "") -> lock.LockedModule:
    """Put a module into ``folder``, last in its lock file."""
    entry = lock.LockedModule(
        name="kuadrant-wasm-shim",
        version=version,
        file=file or f"kuadrant-wasm-shim@{version}",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        dialects=("policies",),
        source="https://github.com/",
    )
    (folder / entry.file).write_bytes(data)
    (folder / lock.NAME).write_text(lock.text((*catalogue.entries(folder), entry)))
    return entry


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of modules in the package's place."""
    folder = tmp_path / "package" / "modules"
    folder.mkdir(parents=True)
    monkeypatch.setattr("kuadrant.wasm.catalogue.resources.files", lambda _package: folder.parent)
    return folder


# The package's own


@pytest.mark.row(165)
def test_the_current_module_is_the_one_that_the_sources_give_and_at_least_one_before_it_is_carried() -> None:
    assert current().data == (MODULES / "kuadrant-wasm-shim.wasm").read_bytes()
    assert current().source == "wasm-shim/"
    assert len(embedded()) >= 2


def test_every_embedded_module_can_be_loaded_and_says_what_configuration_it_takes() -> None:
    for module in embedded():
        assert inspect(module.data).problems == ()
        assert module.dialects


def test_every_file_beside_the_lock_is_named_by_it() -> None:
    named = {entry.file for entry in catalogue.entries(MODULES)}

    assert {file.name for file in MODULES.iterdir()} == {lock.NAME, *named}


# What a lock file promises


def test_the_order_is_that_of_the_lock_file(package: Path) -> None:
    for version in ("2", "1", "3"):
        add(package, version, version.encode())

    assert [module.version for module in embedded()] == ["2", "1", "3"]
    assert current().data == b"2"
    assert current().dialects == ("policies",)


def test_files_that_the_lock_file_does_not_name_are_left_alone(package: Path) -> None:
    add(package, "1", b"1")
    (package / "other.wasm").write_bytes(b"")

    assert len(embedded()) == 1


@pytest.mark.parametrize("bytes_", [b"other bytes", b"", b"2 and more"])
def test_a_file_that_is_not_what_the_lock_says_is_not_served(package: Path, bytes_: bytes) -> None:
    entry = add(package, "2", b"2")
    (package / entry.file).write_bytes(bytes_)
    found = hashlib.sha256(bytes_).hexdigest()

    with pytest.raises(
        CatalogueError,
        match=rf"kuadrant-wasm-shim@2 is not what modules\.lock says and is not served: it has {len(bytes_)} "
        rf"bytes of sha256 {found},"
        rf" not 1 of {entry.sha256}",
    ):
        embedded()


def test_a_file_that_is_gone_is_named(package: Path) -> None:
    (package / add(package, "2", b"2").file).unlink()

    with pytest.raises(CatalogueError, match=r"modules\.lock names kuadrant-wasm-shim@2, which is not there"):
        embedded()


@pytest.mark.row(163)
def test_a_build_without_modules_says_how_to_make_one(package: Path) -> None:
    assert not list(package.iterdir())
    with pytest.raises(CatalogueError, match="this build carries no module; `make shim` builds one"):
        embedded()


def test_a_lock_file_that_is_none_is_named_with_what_is_wrong(package: Path) -> None:
    (package / lock.NAME).write_text("[[module]]\nname = 1\n")

    with pytest.raises(CatalogueError, match=r"modules\.lock: Expected `str`, got `int` - at `\$\.module"):
        embedded()


# A folder of fetched modules


@pytest.fixture
def folder(package: Path, tmp_path: Path) -> Path:
    """A folder of fetched modules beside a package that has one."""
    add(package, "own", b"own")
    return tmp_path


def test_the_chosen_module_is_current_and_the_others_are_served_behind_it(folder: Path) -> None:
    add(folder, "v2", b"2")
    add(folder, "v1", b"1")
    (folder / catalogue.CHOSEN).write_bytes(b"1")

    assert [module.version for module in carried(folder)] == ["v1", "own", "v2"]
    assert current(folder).version == "v1"


def test_without_a_chosen_module_the_embedded_one_is_current(folder: Path) -> None:
    assert [module.version for module in carried(folder)] == ["own"]

    add(folder, "v1", b"1")

    assert [module.version for module in carried(folder)] == ["own", "v1"]


def test_a_chosen_module_that_the_lock_does_not_name_is_refused(folder: Path) -> None:
    add(folder, "v1", b"1")
    (folder / catalogue.CHOSEN).write_bytes(b"from somewhere")

    with pytest.raises(
        CatalogueError, match=r"which .*modules\.lock does not name; remove it, or `kuadrant wasm"
    ):
        carried(folder)


def test_a_module_that_is_embedded_and_fetched_is_served_once(folder: Path) -> None:
    add(folder, "v1", b"own")

    assert [module.version for module in carried(folder)] == ["own"]


def test_an_embedded_module_can_be_chosen(folder: Path) -> None:
    add(folder, "v1", b"1")
    (folder / catalogue.CHOSEN).write_bytes(b"own")

    assert [module.version for module in carried(folder)] == ["own", "v1"]


# What changes


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda folder: (folder / catalogue.CHOSEN).write_bytes(b"1"), id="another is chosen"),
        pytest.param(lambda folder: (folder / lock.NAME).write_text(""), id="the lock file is written"),
        # Where a folder is copied file by file, what the lock file names may come after it.
        pytest.param(lambda folder: (folder / "kuadrant-wasm-shim@v9").write_bytes(b"9"), id="one comes"),
        pytest.param(lambda folder: (folder / "kuadrant-wasm-shim@v1").unlink(), id="one goes"),
    ],
)
async def test_what_changes_in_a_folder_of_modules_is_noticed(
    folder: Path, change: Callable[[Path], object]
) -> None:
    add(folder, "v1", b"1")
    noticed = folder_changes.changes(folder, since=folder_changes.state(folder))

    change(folder)  # between a first look and the following

    await asyncio.wait_for(anext(noticed), 5)


async def test_files_beside_the_modules_are_no_change(folder: Path) -> None:
    before = folder_changes.state(folder)
    (folder / "README.md").write_text("hello")

    assert folder_changes.state(folder) == before
    assert folder_changes.state(folder / "nowhere") == ()


@pytest.mark.parametrize("name", [catalogue.CHOSEN, lock.NAME, "module"])
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("folder", "is a folder"),
        ("pipe", "is not a regular file"),
        ("sparse", "is larger than 64 MiB"),
        ("loop", "cannot be read: Too many levels of symbolic links"),
    ],
)
def test_what_cannot_be_read_whole_is_named_and_not_waited_for(
    tmp_path: Path, name: str, what: str, words: str
) -> None:
    add(tmp_path, "v1.0.0", b"module")
    file = tmp_path / ("kuadrant-wasm-shim@v1.0.0" if name == "module" else name)
    file.unlink(missing_ok=True)
    if what == "folder":
        file.mkdir()
    elif what == "pipe":
        os.mkfifo(file)
    elif what == "loop":
        file.symlink_to(file)
    else:
        with file.open("wb") as sparse:
            sparse.truncate(3 << 30)

    with pytest.raises(CatalogueError) as told:
        carried(tmp_path)

    assert str(told.value) == f"{file} {words}; remove it, or have it readable"
