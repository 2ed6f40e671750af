"""Defines the form of a Secret that the operator keeps in its own namespace, and whose it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from kuadrant.api.meta import ObjectMeta
from kuadrant.kube.kind import Kind

OURS: Final = {"app.kubernetes.io/managed-by": "kuadrant-operator"}
"""Labels of a Secret that we made. One that does not have them is somebody else's and is taken as it is."""


class InvalidSecretError(Exception):
    """Says what is wrong with a Secret, and nothing of what it holds."""


class StoredSecret(Struct, frozen=True):
    """Holds a Secret as the API server has it, its values in base64."""

    metadata: ObjectMeta
    data: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Names the Secret, without what it holds."""
        return f"StoredSecret({self.metadata.namespace}/{self.metadata.name})"

    @property
    def is_ours(self) -> bool:
        """Tell whether the operator made it."""
        return OURS.items() <= self.metadata.labels.items()

    def value(self, name: str) -> bytes:
        """Return what the Secret has under a name.

        Raises:
            InvalidSecretError: it has nothing there, or nothing that is base64.
        """
        try:
            return base64.b64decode(self.data[name], validate=True)
        except KeyError:
            raise InvalidSecretError(f"it has no {name}") from None
        except binascii.Error:
            raise InvalidSecretError("its values are not base64") from None


SECRETS: Final = Kind("", "v1", "secrets", "Secret", StoredSecret)


def document(
    key: tuple[str, str], values: Mapping[str, bytes], type_: str, former_version: str = ""
) -> dict[str, Any]:
    """Return a Secret with these values, in the place of the one of that version and of no other."""
    metadata: dict[str, Any] = {"name": key[1], "namespace": key[0], "labels": {"app": "kuadrant", **OURS}}
    if former_version:
        metadata["resourceVersion"] = former_version
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.name,
        "type": type_,
        "metadata": metadata,
        "data": {name: base64.b64encode(value).decode() for name, value in values.items()},
    }
