"""The modules that this build carries: each named by a lock file, and proven by it before all else."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from kuadrant.wasm import lock
from kuadrant.wasm.module import Module
from kuadrant.wasm.whole_file import UnreadableError, read_whole

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

#: Beside a lock file of fetched modules: the one that is current, a copy. Without it the embedded one is.
CHOSEN = "kuadrant-wasm-shim"


class CatalogueError(LookupError):
    """The modules are not those that a lock file names; the text says which, and what to do."""


def carried(folder: Path | None = None) -> tuple[Module, ...]:
    """Read all modules that are to be served; the first is the one that new configuration is written for.

    ``folder`` holds fetched modules. The embedded ones are served, too, so that a gateway that starts with an
    older object gets the bytes that it names.

    Raises:
        CatalogueError: a module is not there, cannot be read, or is not what its lock file says.
    """
    own = embedded()
    if folder is None:
        return own
    fetched = _locked(folder)
    return _distinct(*_chosen(folder, (*own, *fetched)), *own, *fetched)


def embedded() -> tuple[Module, ...]:
    """Read the modules of the package; the one that new configuration is written for comes first.

    Raises:
        CatalogueError: a module is not there, cannot be read, or is not what the lock file says.
    """
    modules = _locked(resources.files("kuadrant.wasm").joinpath("modules"))
    if not modules:
        raise CatalogueError("this build carries no module; `make shim` builds one")
    return modules


def current(folder: Path | None = None) -> Module:
    """Read the module that new configuration is written for; errors as of `carried`."""
    return carried(folder)[0]


def entries(folder: Traversable) -> tuple[lock.LockedModule, ...]:
    """Return what the lock file of ``folder`` names, without a look at the modules; nothing without one.

    Raises:
        CatalogueError: it is no lock file, or cannot be read.
    """
    file = folder.joinpath(lock.NAME)
    try:
        return lock.parse(_whole(file).decode())
    except FileNotFoundError:
        return ()
    except ValueError as error:
        raise CatalogueError(f"{file}: {error}") from error


def _chosen(folder: Path, known: tuple[Module, ...]) -> tuple[Module, ...]:
    """Return which of ``known`` was chosen in ``folder``; nothing if none was."""
    file = folder / CHOSEN
    try:
        chosen = Module(CHOSEN, _whole(file))
    except FileNotFoundError:
        return ()
    for module in known:
        if module.sha256 == chosen.sha256:
            return (module,)
    raise CatalogueError(
        f"{file} has sha256 {chosen.sha256}, which {folder / lock.NAME} does not name; remove it, or"
        " `kuadrant wasm fetch` the version that you want"
    )


def _locked(folder: Traversable) -> tuple[Module, ...]:
    return tuple(_read(folder, entry) for entry in entries(folder))


def _read(folder: Traversable, entry: lock.LockedModule) -> Module:
    file = folder.joinpath(entry.file)
    try:
        data = _whole(file)
    except FileNotFoundError:
        raise CatalogueError(
            f"{folder.joinpath(lock.NAME)} names {entry.file}, which is not there; build or fetch it again"
        ) from None
    module = Module(
        name=entry.name, data=data, version=entry.version, dialects=entry.dialects, source=entry.source
    )
    if (module.sha256, len(data)) != (entry.sha256, entry.size):
        raise CatalogueError(
            f"{file} is not what {lock.NAME} says and is not served: it has {len(data)} bytes of sha256"
            f" {module.sha256}, not {entry.size} of {entry.sha256}; build or fetch it again"
        )
    return module


def _whole(file: Traversable) -> bytes:
    """Read a file of a folder of modules.

    Raises:
        FileNotFoundError: there is none.
        CatalogueError: it cannot be read.
    """
    try:
        return read_whole(file)
    except UnreadableError as error:
        raise CatalogueError(f"{file} {error}; remove it, or have it readable") from None


def _distinct(*modules: Module) -> tuple[Module, ...]:
    """Return each module once, at its first place."""
    found: dict[str, Module] = {}
    for module in modules:
        found.setdefault(module.sha256, module)
    return tuple(found.values())
