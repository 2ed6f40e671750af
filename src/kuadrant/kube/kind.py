"""A kind of object as the API server serves it, and one object of it as it was read."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")

Key = tuple[str, str]
"""Namespace (empty for kinds of the whole cluster) and name of an object."""


class Kind(Struct, Generic[T], frozen=True):
    """A kind: where it is served, and the struct that its objects are read into.

    ``group`` is empty for the core group. ``model`` need only have the fields that are used; msgspec skips
    all others without allocating them. ``managers`` are the field managers whose applied content is observed
    (see ``owned``).
    """

    group: str
    version: str
    plural: str
    name: str
    model: type[T]
    namespaced: bool = True
    managers: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The name that people know it by, such as ``httproutes.gateway.networking.k8s.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, key: Key | None = None, subresource: str = "") -> str:
        """The path of an object, or of all objects in all namespaces."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        if key is None:
            return f"{root}/{self.plural}"
        namespace, name = key
        scope = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{root}{scope}/{self.plural}/{name}" + (f"/{subresource}" if subresource else "")

    def collection(self, namespace: str) -> str:
        """The path where objects of a namespace are created."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if self.namespaced else f"{root}/{self.plural}"


class Labelled(Struct, frozen=True, gc=False):
    """Picks objects of a namespace, or of all if it is empty, by labels: ``app=kuadrant,tier!=test``."""

    namespace: str
    selector: str


class Owned(Struct, frozen=True, gc=False):
    """The digest of what one field manager owns of an object, or of its ``subresource``."""

    manager: str
    subresource: str
    digest: bytes


class StoredObject(Struct, Generic[T], frozen=True, gc=False):
    """One object as the API server had it at ``resource_version``."""

    key: Key
    uid: str
    resource_version: str
    object: T
    owned: tuple[Owned, ...] = ()


class Unreadable(Struct, frozen=True, gc=False):
    """An object that does not fit its struct. ``key`` is None where not even its metadata can be read."""

    key: Key | None
    uid: str
    resource_version: str
    problem: str


class Deleted(Struct, frozen=True, gc=False):
    """An object is gone since ``resource_version``."""

    key: Key
    resource_version: str


class Listing(Struct, Generic[T], frozen=True):
    """All objects of a kind at ``resource_version``: what is in neither of the two fields does not exist.

    The version is empty where the kind itself does not exist.
    """

    resource_version: str
    entries: dict[Key, StoredObject[T]]
    unreadable: dict[Key, Unreadable]


Output = Listing[T] | StoredObject[T] | Deleted | Unreadable
"""What following a kind brings."""


def is_before(version: str, other: str) -> bool:
    """Tell whether one resource version of a kind is older than another.

    They are integers: Kubernetes promises that since 1.35, and etcd never gave anything else.
    """
    return version.isdecimal() and other.isdecimal() and int(version) < int(other)
