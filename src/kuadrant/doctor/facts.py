"""What was read of a cluster, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from kuadrant.uninstall.installation import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

RATELIMIT: Final = "kuadrant-ratelimit"
MODULE_SERVICE: Final = f"{OPERATOR}-wasm-shim-service"
RATELIMIT_SERVICE: Final = "limitador-limitador"

Document = Mapping[str, Any]
"""An object as the API server has it."""


class Facts(Struct, frozen=True, kw_only=True):
    """Holds what was read.

    Attributes:
        namespace: that of the installation.
        server: the version of the API server, such as ``(1, 36)``.
        objects: the objects of each kind, by the name of the kind; one that is not served is not here.
        unread: why the objects of a kind were not given.
        ahead: by how many seconds the API server's clock is ahead of ours; None if it does not say.
        now: the API server's time, in seconds since 1970.
        unresolved: names that should lead to a Service and do not, where that could be tried.
        tried: whether names were tried.
    """

    namespace: str
    server: tuple[int, int] = (0, 0)
    objects: Mapping[str, tuple[Document, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    ahead: float | None = None
    now: float = 0.0
    unresolved: tuple[str, ...] = ()
    tried: bool = False

    def all(self, kind: str) -> tuple[Document, ...]:
        """Return all objects of a kind; none if it is not served."""
        return self.objects.get(kind, ())

    def own(self, kind: str) -> Iterator[Document]:
        """Yield the objects of a kind in the namespace of the installation."""
        return (one for one in self.all(kind) if one["metadata"].get("namespace") == self.namespace)

    def one(self, kind: str, name: str) -> Document | None:
        """Return the object of that name in the namespace of the installation; None if it is not there."""
        return next((one for one in self.own(kind) if one["metadata"]["name"] == name), None)

    def definition(self, name: str) -> Document | None:
        """Return the definition of a kind by its whole name."""
        found = self.all("CustomResourceDefinition")
        return next((one for one in found if one["metadata"]["name"] == name), None)

    @property
    def operator(self) -> Document | None:
        """The operator's Deployment, if it is ours and not that of Kuadrant, which has the same name."""
        found = self.one("Deployment", OPERATOR)
        return found if found is not None and runs(found, "operator") else None

    @property
    def is_installed(self) -> bool:
        """Tell whether we are there."""
        return self.operator is not None

    def ready_endpoints(self, service: str, namespace: str = "") -> int:
        """Return how many addresses behind a Service are ready."""
        slices = (
            one
            for one in self.all("EndpointSlice")
            if one["metadata"].get("labels", {}).get("kubernetes.io/service-name") == service
            and one["metadata"]["namespace"] == (namespace or self.namespace)
        )
        return sum(
            endpoint.get("conditions", {}).get("ready") is not False
            for one in slices
            for endpoint in one.get("endpoints") or ()
        )


def runs(deployment: Document, command: str) -> bool:
    """Tell whether a Deployment runs a command of ours."""
    return any(command in (one.get("args") or ()) for one in containers(deployment))


def containers(deployment: Document) -> list[Document]:
    """Return the containers of a Deployment's pods."""
    pod = deployment.get("spec", {}).get("template", {}).get("spec", {})
    return list(pod.get("containers", ()))


def named(document: Document) -> str:
    """Return what people call an object by."""
    metadata = document["metadata"]
    namespace = metadata.get("namespace")
    name = f"{namespace}/{metadata['name']}" if namespace else metadata["name"]
    return f"{document['kind']} {name}"


def is_true(document: Document, condition: str) -> bool | None:
    """Tell whether a condition of an object is true; None if the object does not have it."""
    for one in document.get("status", {}).get("conditions") or ():
        if one["type"] == condition:
            return bool(one["status"] == "True")
    return None
