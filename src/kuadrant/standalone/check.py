"""Checks files, folders and standard input."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.compiler import identities
from kuadrant.findings import Finding, findings, unauthenticated
from kuadrant.gateways.envoy import authentication, certificates
from kuadrant.policy.identity_source import ISTIO, IdentitySource
from kuadrant.standalone.folder_files import STANDARD_INPUT, File, read_below, standard_input
from kuadrant.standalone.folder_selection import FolderError, printable
from kuadrant.standalone.plan import compile_folder, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.objects import Objects
    from kuadrant.standalone.plan import PlanSettings


class Checked(Struct, frozen=True):
    """The findings, in how many objects and files, and whether all of it could be read."""

    findings: tuple[Finding, ...]
    objects: int
    files: int

    @property
    def is_read(self) -> bool:
        """Tell whether every file could be read."""
        return not any(one.code == "not-readable" for one in self.findings)


def check(paths: Iterable[str], surroundings: PlanSettings) -> Checked:
    """Look at all documents of ``paths`` together: folders, files, and ``-`` for standard input.

    Raises:
        FolderError: A path does not exist, or is a folder that cannot be read.
    """
    paths = tuple(paths)
    files = tuple(_files(paths))
    of = read(files)
    first = files[0].path if paths[0] == STANDARD_INPUT else printable(paths[0])
    shown = certificates(of, dt.datetime.now(dt.UTC), {})
    compilation = compile_folder(of, surroundings)
    by_run, elsewhere = _sources(of.objects)
    checked = authentication(of.objects, by_run)
    more = (*shown.problems, *checked.problems, *unauthenticated(of, compilation, elsewhere))
    found = findings(of, compilation, more, name=first)
    return Checked(found, len(of.sources), len(files))


def _sources(objects: Objects) -> tuple[dict[str, IdentitySource | None], frozenset[str]]:
    """Return where Gateways know requests from of which it is told as `kuadrant run` does, and the others.

    Certificates, and the tokens of a provider of Envoy Gateway, are checked in clusters only: documents
    without a RequestAuthentication are for those.
    """
    sources = identities(objects)
    if objects.request_authentications:
        return sources, frozenset()
    by_run = {
        key: source for key, source in sources.items() if source in (None, IdentitySource("jwt", ISTIO))
    }
    return by_run, frozenset(sources.keys() - by_run.keys())


def _files(paths: tuple[str, ...]) -> Iterable[File]:
    """Yield the files of each path, each once, by the names that people reach them by."""
    seen: set[str] = set()
    for path in paths:
        if path == STANDARD_INPUT:
            yield standard_input()
            continue
        if not Path(path).exists():
            raise FolderError(f"{printable(path)} does not exist; give a folder, a file or -")
        for file in read_below(Path(path)):
            real = os.path.realpath(file.path)
            if real not in seen:
                seen.add(real)
                yield file
