"""Where objects and rules of a folder come from, kept for a console that asks later, and kept small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kuadrant.api import documents
from kuadrant.api.documents import Identity, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler import RuleOrigin, RulesOf
    from kuadrant.compiler.program import RuleProgram
    from kuadrant.standalone.folder_files import File

RuleOrigins = tuple[tuple["RuleProgram", "RuleOrigin"], ...]


class RulesAsked:
    """Tells where the rules of a host name come from, and keeps what it was asked."""

    def __init__(self, rules_of: RulesOf) -> None:
        self._rules_of = rules_of
        self._kept: dict[tuple[str, int, str], RuleOrigins] = {}

    def __call__(self, gateway: str, port: int, hostname: str) -> RuleOrigins:
        """Return where they come from, and keep it."""
        key = (gateway, port, hostname)
        if key not in self._kept:
            self._kept[key] = self._rules_of(gateway, port, hostname)
        return self._kept[key]

    def kept(self, gateway: str, port: int, hostname: str) -> RuleOrigins:
        """Return what was kept."""
        return self._kept.get((gateway, port, hostname), ())


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
