"""Decides which modules may be served where somebody has to vouch: those that a trusted key has signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.wasm.catalogue import CatalogueError, carried
from kuadrant.wasm.module import Module
from kuadrant.wasm.whole_file import UnreadableError, read_whole

if TYPE_CHECKING:
    from pathlib import Path

    from kuadrant.signing.keys import TrustedKey

_KEYS = (".pem", ".pub")


class TrustedModules(Struct, frozen=True):
    """Holds what is to be served.

    Attributes:
        modules: The modules, the current one first; none where nobody who is trusted vouches for any.
        carried: All that there are, also those that are not served.
        distrust: Why another one than the first was to be served and is not; empty if none was.
    """

    modules: tuple[Module, ...]
    carried: tuple[Module, ...]
    distrust: str = ""

    @property
    def named(self) -> tuple[Module, ...]:
        """Those that are spoken of, of which there always is one: where none is served, the carried ones."""
        return self.modules or self.carried


def served(folder: Path | None, trusted: Path | None) -> TrustedModules:
    """Read all modules that are to be served; without ``trusted`` all that are carried.

    Args:
        folder: holds fetched modules, and statements about modules.
        trusted: a public key, or a folder of them (``*.pem``, ``*.pub``) and of statements
            (``*.statement.json``).

    Raises:
        CatalogueError: a module is not what its lock file says, or what should be a key is none.
    """
    modules = carried(folder)
    if trusted is None:
        return TrustedModules(modules, modules)
    from kuadrant.wasm.module_statement import vouching_key  # noqa: PLC0415 - not needed without keys

    keys, statements = trusted_keys(trusted), statements_of(trusted, folder)
    found = [(module, *vouching_key(module, statements, keys)) for module in modules]
    first, key, why = found[0]
    distrust = (
        ""
        if key
        else (
            f"{first.name} {first.version} ({first.sha256[:16]}) is not served: {why}, by a key of {trusted};"
            " `kuadrant wasm sign` signs it"
        )
    )
    return TrustedModules(tuple(module for module, key, _ in found if key), modules, distrust)


def vouching(module: Module, folder: Path | None, trusted: Path) -> tuple[str | None, str]:
    """Return the id of the key that vouches for a module; else None, and why none does.

    Raises:
        CatalogueError: what should be a key is none.
    """
    from kuadrant.wasm.module_statement import vouching_key  # noqa: PLC0415 - not needed without keys

    key, why = vouching_key(module, statements_of(trusted, folder), trusted_keys(trusted))
    return (None if key is None else key.key_id), why


def trusted_keys(place: Path) -> tuple[TrustedKey, ...]:
    """Return the public key of a file, or those of a folder.

    Raises:
        CatalogueError: there is none, or something that should be one is none.
    """
    from kuadrant.signing.keys import KeyFileError, trusted_key  # noqa: PLC0415 - as above

    files = _listed(place, _KEYS) if place.is_dir() else (place,)
    if not files:
        raise CatalogueError(f"{place} has no key (*.pem, *.pub), and no module is served without one")
    try:
        return tuple(trusted_key(_read(file)) for file in files)
    except KeyFileError as error:
        raise CatalogueError(f"a key of {place} {error}") from None


def statements_of(*places: Path | None) -> dict[str, bytes]:
    """Return the statements that lie in folders, by their places; of files and of nothing there are none.

    Raises:
        CatalogueError: one cannot be read.
    """
    from kuadrant.wasm.module_statement import SUFFIX  # noqa: PLC0415 - as above

    folders = (place for place in places if place is not None and place.is_dir())
    return {str(file): _read(file) for folder in folders for file in _listed(folder, (SUFFIX,))}


def _listed(folder: Path, endings: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(sorted(file for file in folder.iterdir() if file.name.endswith(endings)))


def _read(file: Path) -> bytes:
    try:
        return read_whole(file)
    except FileNotFoundError:
        raise CatalogueError(f"{file} is not there; WASM_SHIM_TRUSTED_KEYS names it") from None
    except UnreadableError as error:
        raise CatalogueError(f"{file} {error}; remove it, or have it readable") from None
