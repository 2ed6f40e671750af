"""Everything that an Envoy ought to have at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.envoy_api import InvalidResourceError, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
EXTENSION = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

MESSAGE_LIMIT = 64 * 2**20
"""Bytes of one gRPC message."""

# What a response has around its resources: the type's URL, version and nonce, and a few bytes for each
# resource.
_RESPONSE_OVERHEAD = 1024
_RESOURCE_OVERHEAD = 16


class Resource(msgspec.Struct, frozen=True, gc=False):
    """One resource: its ``version``, a hash of what it is, and ``source``, that of its JSON.

    ``parts`` are the serialized ``google.protobuf.Any`` in pieces: many resources may share a large one.
    """

    name: str
    version: str
    parts: tuple[bytes, ...]
    source: bytes = b""

    @property
    def packed(self) -> bytes:
        """The serialized ``google.protobuf.Any``."""
        return b"".join(self.parts)


class Snapshot(msgspec.Struct, frozen=True):
    """Resources by type URL and name. A type that is absent has no resources."""

    resources: Mapping[str, Mapping[str, Resource]]

    @classmethod
    def of(
        cls, types: Mapping[str, Mapping[str, Mapping[str, Any]]], previous: Snapshot | None = None
    ) -> Snapshot:
        """Encode resources in Envoy's JSON form, given by type URL and name.

        Those that ``previous`` has are reused.

        Raises:
            InvalidResourceError: A resource is not what Envoy's API says, has another type or name than it is
                given under, or the resources of one type do not fit into a message.
        """
        return cls(
            MappingProxyType(
                {
                    type_url: _encode_type(type_url, named, previous.of_type(type_url) if previous else {})
                    for type_url, named in types.items()
                }
            )
        )

    def of_type(self, type_url: str) -> Mapping[str, Resource]:
        """The resources of a type, by name."""
        return self.resources.get(type_url, {})

    def version(self, type_url: str) -> str:
        """Return the version of a type's content: the same content has the same version, in any process."""
        return version_of(self.of_type(type_url).values())


EMPTY = Snapshot(MappingProxyType({}))


def version_of(resources: Iterable[Resource]) -> str:
    """The version of some resources of one type, whatever their order."""
    digest = blake2b(digest_size=16)
    for name, version in sorted((resource.name, resource.version) for resource in resources):
        # The lengths keep the pairs apart; a name may hold any character.
        digest.update(f"{len(name)},{len(version)}:{name}{version}".encode())
    return digest.hexdigest()


def resource(name: str, packed: bytes, source: bytes = b"") -> Resource:
    """A resource with the version of its bytes."""
    return Resource(name, blake2b(packed, digest_size=16).hexdigest(), (packed,), source)


def _encode_type(
    type_url: str, named: Mapping[str, Mapping[str, Any]], known: Mapping[str, Resource]
) -> Mapping[str, Resource]:
    result: dict[str, Resource] = {}
    for name in sorted(named):
        try:
            source = blake2b(msgspec.json.encode(named[name]), digest_size=16).digest()
        except (TypeError, ValueError) as error:
            raise InvalidResourceError(f"{type_url} {name!r}: not JSON: {error}") from error
        before = known.get(name)
        if before is not None and before.source == source:
            result[name] = before
        else:
            result[name] = _encode(type_url, name, named[name], source)
    size = sum(len(item.packed) + _RESOURCE_OVERHEAD for item in result.values()) + _RESPONSE_OVERHEAD
    if size > MESSAGE_LIMIT:
        raise InvalidResourceError(
            f"{type_url}: the {len(result)} resources take {size} bytes, more than the {MESSAGE_LIMIT} of "
            "one message"
        )
    return MappingProxyType(result)


def _encode(type_url: str, name: str, form: Mapping[str, Any], source: bytes) -> Resource:
    if form.get("@type") != type_url:
        raise InvalidResourceError(f"{type_url} {name!r}: its @type is {form.get('@type')!r}")
    own_name = form.get("cluster_name" if type_url == ENDPOINT else "name")
    if own_name != name:
        raise InvalidResourceError(f"{type_url} {name!r}: it calls itself {own_name!r}")
    try:
        return resource(name, encode(form), source)
    except InvalidResourceError as error:
        raise InvalidResourceError(f"{name!r}: {error}") from error
