"""Reads which fields of a kind the API server knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct, field

from kuadrant.kube.api_answers import ERRORS
from kuadrant.kube.client import AbsentError, RequestError, get

if TYPE_CHECKING:
    import httpx2

    from kuadrant.kube.kind import Kind


class _GroupVersionKind(Struct, frozen=True):
    group: str = ""
    version: str = ""
    kind: str = ""


class _Schema(Struct, frozen=True):
    kinds: tuple[_GroupVersionKind, ...] = field(name="x-kubernetes-group-version-kind", default=())
    properties: dict[str, Raw] = field(default_factory=dict)


class _Part(Struct, frozen=True):
    properties: dict[str, Raw] = field(default_factory=dict)


class _Components(Struct, frozen=True):
    schemas: dict[str, _Schema] = field(default_factory=dict)


class _Document(Struct, frozen=True):
    components: _Components = _Components()


async def part_fields(
    client: httpx2.AsyncClient, kind: Kind[Any], part: str = "spec"
) -> frozenset[str] | None:
    """The names of the fields that ``part`` of a kind has.

    None if the kind is not served or is not described.

    Raises:
        RequestError: The API server did not say.
    """
    path = f"/openapi/v3/apis/{kind.api_version}"
    wanted = _GroupVersionKind(kind.group, kind.version, kind.name)
    try:
        document = msgspec.json.decode(await get(client, path), type=_Document)
        for schema in document.components.schemas.values():
            if wanted in schema.kinds and part in schema.properties:
                found = msgspec.json.decode(schema.properties[part], type=_Part)
                return frozenset(found.properties) or None
    except AbsentError:
        return None
    except ERRORS as error:
        raise RequestError(f"GET {path}: this is no description of an API ({error})") from error
    return None
