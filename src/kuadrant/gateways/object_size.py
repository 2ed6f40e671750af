"""The size that an object may have to be written to the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES: Final = 512 * 1024
"""A third of what etcd takes in a request: managed fields, others' fields and the old object come on top."""


def too_large(document: Mapping[str, Any]) -> str | None:
    """Return what to say of an object that is larger than ``MOST_BYTES`` as JSON, or None if it is not."""
    size = len(msgspec.json.encode(document))
    if size <= MOST_BYTES:
        return None
    name = f"{document['kind']} {document['metadata']['namespace']}/{document['metadata']['name']}"
    return (
        f"{name} would have {-(-size // 1024)} KiB, more than the {MOST_BYTES // 1024} KiB that are safe to "
        "store; it stays as it is until there are fewer limited rules"
    )
