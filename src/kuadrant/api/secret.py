"""Secret, for the certificates of listeners."""

from typing import Any, ClassVar

from kuadrant.api.fields import ANY_OTHER
from kuadrant.api.meta import Object


class Secret(Object, frozen=True, gc=False, kw_only=True):
    """Values that nobody is to see.

    They are taken as they are written, whatever their type: a mistake would be told with the value.
    """

    kind: ClassVar[str] = "Secret"
    api_versions: ClassVar[tuple[str, ...]] = ("v1",)
    unread: ClassVar[frozenset[str]] = ANY_OTHER

    type: str = ""
    data: Any = None
    string_data: Any = None

    def __repr__(self) -> str:
        """Without the values."""
        return f"Secret({self.metadata.namespace}/{self.metadata.name})"
