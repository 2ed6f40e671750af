"""The files of the page, which are data of this package: one document, one style sheet, small modules."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Asset(Struct, frozen=True):
    """A file as it is sent."""

    media_type: str
    data: bytes


def read_assets() -> dict[str, Asset]:
    """Return the files of the page by the path of their address; the document's is ``/``."""
    found = dict(_below(files("kuadrant.console") / "static", "/"))
    return {("/" if path == "/index.html" else path): asset for path, asset in found.items()}


def _below(folder: Traversable, path: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _below(one, f"{path}{one.name}/")
        elif (media_type := _TYPES.get(one.name.rpartition(".")[2])) is not None:
            found.append((f"{path}{one.name}", Asset(media_type, one.read_bytes())))
    return found
