"""ReferenceGrant (``gateway.networking.k8s.io``)."""

from typing import Annotated, ClassVar

from msgspec import Meta, field

from kuadrant.api.fields import DnsLabel, Fields, Group, Kind, ObjectName
from kuadrant.api.meta import Object


class ReferenceGrantFrom(Fields, frozen=True, gc=False, kw_only=True):
    """The kind of object, and its namespace, that may refer to objects of the grant's namespace."""

    group: Group
    kind: Kind
    namespace: DnsLabel


class ReferenceGrantTo(Fields, frozen=True, gc=False, kw_only=True):
    """An object that may be referred to; without ``name`` every object of the kind."""

    group: Group
    kind: Kind
    name: ObjectName | None = None


class ReferenceGrantSpec(Fields, frozen=True, gc=False, kw_only=True):
    """Each of ``from_`` may refer to each of ``to``."""

    from_: Annotated[tuple[ReferenceGrantFrom, ...], Meta(min_length=1, max_length=16)] = field(name="from")
    to: Annotated[tuple[ReferenceGrantTo, ...], Meta(min_length=1, max_length=16)]


class ReferenceGrant(Object, frozen=True, gc=False, kw_only=True):
    """Permission for objects of other namespaces to refer to objects of this one."""

    kind: ClassVar[str] = "ReferenceGrant"
    api_versions: ClassVar[tuple[str, ...]] = (
        "gateway.networking.k8s.io/v1beta1",
        "gateway.networking.k8s.io/v1",
    )

    spec: ReferenceGrantSpec
