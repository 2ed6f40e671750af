"""The namespaces that there are, since objects are in them."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from kuadrant.api.meta import Object, ObjectMeta
from kuadrant.api.service import Namespace

_LABEL: Final = "kubernetes.io/metadata.name"


def namespaces_in_use(objects: Iterable[Object]) -> Iterator[Namespace]:
    """Yield a Namespace for each that is among ``objects`` or has one of them, labelled with its name."""
    declared: dict[str, Namespace] = {}
    for one in objects:
        if isinstance(one, Namespace):
            declared[one.metadata.name] = one
        elif one.metadata.namespace:
            name = one.metadata.namespace
            declared.setdefault(name, Namespace(metadata=ObjectMeta(name=name)))
    for name, namespace in declared.items():
        labels = {**namespace.metadata.labels, _LABEL: name}
        yield replace(namespace, metadata=replace(namespace.metadata, labels=labels))
