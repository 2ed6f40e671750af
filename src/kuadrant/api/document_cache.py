"""Reads documents again and again at the cost of those that changed (docs/incremental.md)."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.documents import Folder, Identity, Reader, Source
from kuadrant.api.meta import Object
from kuadrant.api.namespaces_in_use import namespaces_in_use
from kuadrant.api.problem import Problem
from kuadrant.incremental import kept

if TYPE_CHECKING:
    from kuadrant.api.service import Namespace


class DocumentCache:
    """Does what ``documents.read`` does, for documents that were read before, too.

    The objects of a file without a mistake stay the same instances until its text is another.
    """

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._namespaces: dict[str, Namespace] = {}

    def read(self, documents: Iterable[tuple[str, str]]) -> Folder:
        """Read every object of ``documents``, which are (name of the file, its text)."""
        reader = Reader()
        files: dict[str, _File] = {}
        for file, text in documents:
            former = self._files.get(file)
            if former is None or former.text != text or not _taken(reader, former):
                former, goes_on = _read(reader, file, text)
                if not goes_on:
                    break
            if former is not None:
                files[file] = former
        self._files = files
        found = namespaces_in_use(reader.objects.values())
        self._namespaces = {
            one.metadata.name: kept(self._namespaces.get(one.metadata.name), one) for one in found
        }
        return reader.folder(self._namespaces.values())


class _File(Struct, frozen=True, gc=False, kw_only=True):
    """A file without a mistake as it was read; ``values`` is what it takes of what may be read."""

    text: str
    objects: dict[Identity, Object]
    sources: dict[Identity, Source]
    notes: tuple[Problem, ...]
    values: int


def _read(reader: Reader, file: str, text: str) -> tuple[_File | None, bool]:
    """Read a file; return what it holds, unless anything was wrong so far, and whether to go on."""
    sources, notes, left = len(reader.sources), len(reader.notes), reader.allowance.left
    goes_on = reader.read_file(file, text)
    if reader.problems:
        return None, goes_on
    names = tuple(islice(reader.sources, sources, None))
    found = _File(
        text=text,
        objects={name: reader.objects[name] for name in names},
        sources={name: reader.sources[name] for name in names},
        notes=tuple(reader.notes[notes:]),
        values=left - reader.allowance.left,
    )
    return found, goes_on


def _taken(reader: Reader, file: _File) -> bool:
    """Add what a file holds; return whether it need not be read, since nothing can be wrong with it here."""
    if reader.problems or file.values >= reader.allowance.left:
        return False
    if not reader.sources.keys().isdisjoint(file.sources):
        return False
    reader.allowance.left -= file.values
    reader.objects.update(file.objects)
    reader.sources.update(file.sources)
    reader.notes.extend(file.notes)
    return True
