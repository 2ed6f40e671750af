"""What there is to do: one key for each thing that is written."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from kuadrant.kube.kind import Key


class Work(Struct, frozen=True):
    """Something to do, and for which object; ``kind`` is that of the object where ``what`` does not tell."""

    what: Literal["decision", "limits", "gateway", "policy", "kuadrant", "affected"]
    key: Key = ("", "")
    kind: str = ""

    def __str__(self) -> str:
        """As it is logged."""
        return " ".join(filter(None, (self.what, self.kind, "/".join(filter(None, self.key)))))


DECISION: Final = Work("decision")
LIMITS: Final = Work("limits")
