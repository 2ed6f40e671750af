"""Guesses what was meant by a name that does not exist."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from kuadrant.api.document_nodes import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

_FEW: Final = 20
"""So many names are compared one by one: that takes its time."""
_ALIKE: Final = 0.6
"""So like another one is a name that is meant, of 1."""


class Guesses:
    """The names that there are: however many, the one that was meant is found quickly."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._near: dict[str, list[str]] = {}

    def meant(self, given: str) -> str:
        """Return a question with the name that is most like ``given``; empty if none is."""
        names = self._names if len(self._names) <= _FEW else self._like(given)
        compared = difflib.SequenceMatcher(None, "", given)
        likeness: dict[str, float] = {}
        for name in names:
            compared.set_seq1(name)
            likeness[name] = compared.ratio()
        # Of names that are alike the first: what counts from 0 elsewhere counts from 1 here.
        close = max(likeness, key=lambda name: likeness[name], default="")
        return f"Did you mean {quoted(close)}?" if likeness.get(close, 0) >= _ALIKE else ""

    def _like(self, given: str) -> Iterable[str]:
        """The names that differ from ``given`` by a character, or by two that are the other way round."""
        if not self._near:
            for name in self._names:
                for one in _shortened(name):
                    self._near.setdefault(one, []).append(name)
        found = {name for one in _shortened(given) for name in self._near.get(one, ())}
        return sorted(found)


def _shortened(name: str) -> set[str]:
    return {name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}


class NamesByNamespace:
    """The names of objects of one kind in each namespace; ``keys`` are ``namespace/name``."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._names: dict[str, list[str]] = {}
        self._namespaces: dict[str, list[str]] = {}
        for key in keys:
            namespace, _, name = key.partition("/")
            self._names.setdefault(namespace, []).append(name)
            self._namespaces.setdefault(name, []).append(namespace)
        self._guesses: dict[str, Guesses] = {}

    def elsewhere(self, name: str) -> list[str]:
        """Return the namespaces that have an object of this name."""
        return sorted(self._namespaces.get(name, ()))

    def meant(self, namespace: str, name: str) -> str:
        """Return a question with the name in the namespace that is most like ``name``; empty if none is."""
        if namespace not in self._guesses:
            self._guesses[namespace] = Guesses(self._names.get(namespace, ()))
        return self._guesses[namespace].meant(name)
