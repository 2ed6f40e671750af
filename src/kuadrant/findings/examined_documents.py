"""The documents as the rules look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api.documents import Identity, Source
from kuadrant.api.objects import Objects
from kuadrant.compiler import Compilation
from kuadrant.findings.request_paths import Paths, paths_of
from kuadrant.policy.model import Problem

if TYPE_CHECKING:
    from kuadrant.api.documents import Folder


class Material(Struct, frozen=True):
    """Objects, what became of their policies, and where all of it is written.

    ``sources`` also has objects with mistakes, which are not among ``objects``: nobody may say of these that
    they do not exist. ``is_complete`` is False if documents could not be read as objects at all, so that
    anything may be in them.
    """

    objects: Objects
    compilation: Compilation
    sources: dict[Identity, Source]
    paths: Paths
    is_complete: bool

    def may_exist(self, kind: str, namespace: str, name: str) -> bool:
        """Tell whether an object that is not among ``objects`` may be one that could not be read."""
        return not self.is_complete or (kind, namespace, name) in self.sources


def material(folder: Folder, compilation: Compilation) -> Material:
    """Return what rules have to know of the documents of ``folder``, and of what was compiled from them."""
    of = material_of_cluster(folder.objects, compilation)
    is_complete = not any(one.code in _UNREAD or one.field in _NAMES for one in folder.problems)
    return replace(of, sources=folder.sources, is_complete=is_complete)


def material_of_cluster(objects: Objects, compilation: Compilation) -> Material:
    """Return what rules have to know of ``objects`` that are written in no document."""
    policies = [fact.policy for fact in compilation.policies if fact.acceptance.reason == "Accepted"]
    return Material(objects, compilation, {}, paths_of(objects, policies), is_complete=True)


_UNREAD: Final = frozenset({"not-readable", "not-yaml", "no-object", "too-many-mistakes", "unknown-kind"})
"""Codes of mistakes behind which there may be objects of any name."""
_NAMES: Final = frozenset({"metadata", "metadata.name", "metadata.namespace"})


def problem(
    of: tuple[str, str, str],
    field: str,
    code: str,
    message: str,
    *,
    at: tuple[int, int] = (0, 0),
    fix: str = "",
) -> Problem:
    """Return what a rule has found at a field of an object (kind, namespace and name)."""
    return Problem("warning", *of, field, message, code, at, fix)
