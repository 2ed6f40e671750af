"""Reads what a field manager owns of an object, from the object as the API server gives it.

Server-side apply records for every manager which fields it applied (``metadata.managedFields``,
``fieldsV1``). The owned part of an object is therefore exactly what its manager applied last, with the values
that hold now: a value that somebody else changed is not owned any more, and a field that is no longer wanted
still is. So "the owned part equals what is wanted" means that applying it again would change nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.kube.kind import Owned

if TYPE_CHECKING:
    from collections.abc import Iterator

_encode = msgspec.json.Encoder(order="deterministic").encode
_IDENTITY = ("apiVersion", "kind", "name", "namespace")


def digest(content: dict[str, Any]) -> bytes:
    """A digest of an apply configuration; the order of keys and the identity of the object do not count.

    Nor do ``metadata.resourceVersion`` and ``metadata.uid``, which are no content but the conditions under
    which it is to be applied.
    """
    skipped = (*_IDENTITY, "resourceVersion", "uid")
    metadata = {key: value for key, value in content.get("metadata", {}).items() if key not in skipped}
    rest = {key: value for key, value in content.items() if key not in (*_IDENTITY, "metadata")}
    return hashlib.sha256(_encode({**rest, "metadata": metadata})).digest()


def owned_by(
    managers: tuple[str, ...], raw: bytes, content: dict[str, Any] | None = None
) -> tuple[Owned, ...]:
    """Return what each of ``managers`` owns of the object whose JSON is ``raw``, as digests.

    Costs next to nothing where it is none.

    ``content`` is the same object, where that was read already.
    """
    if not any(manager.encode() in raw for manager in managers):
        return ()
    if content is None:
        content = msgspec.json.decode(raw)
        assert content is not None
    return tuple(_owned(content, managers))


def _owned(content: dict[str, Any], managers: tuple[str, ...]) -> Iterator[Owned]:
    for entry in content.get("metadata", {}).get("managedFields", ()):
        if entry.get("operation") == "Apply" and entry.get("manager") in managers:
            part = _extract(entry.get("fieldsV1", {}), content)
            yield Owned(entry["manager"], entry.get("subresource", ""), digest(part))


def _extract(fields: dict[str, Any], value: Any) -> Any:
    """The part of ``value`` that a set of fields covers (structured-merge-diff's ``fieldsV1`` form)."""
    children = {path: below for path, below in fields.items() if path != "."}
    if not children:
        return value
    if isinstance(value, dict):
        return {
            path[2:]: _extract(below, value[path[2:]])
            for path, below in children.items()
            if path.startswith("f:") and path[2:] in value
        }
    if isinstance(value, list):
        return [
            _extract(below, item)
            for item in value
            for path, below in children.items()
            if _selects(path, item)
        ]
    return value


def _selects(path: str, item: Any) -> bool:
    if path.startswith("k:"):
        keys: dict[str, Any] = msgspec.json.decode(path[2:])
        return isinstance(item, dict) and all(item.get(key) == value for key, value in keys.items())
    return path.startswith("v:") and bool(item == msgspec.json.decode(path[2:]))
