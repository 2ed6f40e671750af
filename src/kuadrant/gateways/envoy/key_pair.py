"""A certificate with its key, as Envoy can show it."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct


class KeyPairError(ValueError):
    """Envoy cannot use it; the text tells why, and nothing of the key.

    Attributes:
        of_key: whether the key is to blame, not the certificate.
    """

    def __init__(self, message: str, *, of_key: bool) -> None:
        super().__init__(message)
        self.of_key = of_key


class KeyPair(Struct, frozen=True, gc=False):
    """A certificate, with what leads from it to an authority, and its key: both in PEM.

    It is valid from ``begin`` to ``end``, both included. ``origin`` is the place that it is from.
    """

    chain: str
    key: str
    begin: dt.datetime
    end: dt.datetime
    origin: tuple[str, str] = ("", "")

    def __repr__(self) -> str:
        """Without the key."""
        return f"KeyPair(until {self.end:%Y-%m-%d})"

    def untimely(self, now: dt.datetime) -> str | None:
        """Say so if it is not valid at the time ``now``."""
        if now > self.end:
            return f"has expired on {self.end:%Y-%m-%d at %H:%M} UTC"
        if now < self.begin:
            return f"is not valid before {self.begin:%Y-%m-%d at %H:%M} UTC"
        return None
