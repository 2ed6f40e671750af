"""Names each piece of work by a key: one for each thing that is written."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from kuadrant.kube.kind import Key

Sort = Literal[
    "decision", "limits", "gateway", "policy", "kuadrant", "end", "affected", "inspection", "monitor"
]
"""The sorts of work."""


class Work(Struct, frozen=True):
    """Names a piece of work and its object.

    Attributes:
        what: the sort of work.
        key: namespace and name of the object.
        kind: the kind of the object, where the sort of work does not tell it.
    """

    what: Sort
    key: Key = ("", "")
    kind: str = ""

    def __str__(self) -> str:
        """Return the key as it is logged."""
        return " ".join(filter(None, (self.what, self.kind, "/".join(filter(None, self.key)))))


DECISION: Final = Work("decision")
LIMITS: Final = Work("limits")
INSPECTION: Final = Work("inspection")
