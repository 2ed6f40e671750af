"""The limits that are wrong and not held: whoever asks for one of them gets an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from kuadrant.api.limitador import LeftOut


class LeftOutLimits:
    """Tells which questions are errors because of limits that were left out.

    Of ``unsure`` namespaces all are: a limit was left out there that no question can be known by.
    """

    def __init__(self, limits: tuple[LeftOut, ...] = (), unsure: AbstractSet[str] = frozenset()) -> None:
        self.limits = limits
        self.unsure = unsure
        self._keys: dict[str, frozenset[str]] = {}
        for one in limits:
            self._keys[one.namespace] = self._keys.get(one.namespace, frozenset()) | one.keys

    def has(self, domain: str, key: str) -> bool:
        """Tell whether ``key`` stands for a policy of which a limit was left out."""
        return key in self._keys.get(domain, ()) or key in self._keys.get("", ())
