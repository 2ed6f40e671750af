"""Keeps where objects of a folder are written, for a console that asks later, in little room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kuadrant.api import documents
from kuadrant.api.documents import Identity, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.standalone.folder_files import File

MOST_TEXT: Final = 256 * 1024
"""Characters of a file that is read again; of a larger one the line is told at which the object begins."""


class KeptSources(Mapping[Identity, Source]):
    """The sources of ``files``, without the trees of their documents, which take far more than all objects.

    Args:
        sources: All of them, as they were read.
        files: What they were read from.
    """

    def __init__(self, sources: Mapping[Identity, Source], files: Iterable[File]) -> None:
        self._places = {identity: (one.file, one.line) for identity, one in sources.items()}
        self._texts = {file.path: file.text for file in files}
        self._last: tuple[str, Mapping[Identity, Source]] = ("", {})

    def __getitem__(self, identity: Identity) -> Source:
        """Return the source of an object, with its tree where the file is read again."""
        file, line = self._places[identity]
        name, found = self._last
        if name != file:
            text = self._texts.get(file, "")
            found = documents.read([(file, text)]).sources if len(text) <= MOST_TEXT else {}
            self._last = (file, found)
        return found.get(identity) or Source(file, line)

    def __iter__(self) -> Iterator[Identity]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
