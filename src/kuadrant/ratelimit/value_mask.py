"""Hides what counters and decisions say of clients from those who may not see it."""

from __future__ import annotations

import os
from hashlib import blake2b


class ValueMask:
    """Gives a word in the place of a value.

    It is made of the value and of a key of this process: who looks at two pages can tell that it is the same
    value, and nobody can try which one it is.
    """

    def __init__(self) -> None:
        self._key = os.urandom(16)

    def __call__(self, value: str) -> str:
        """Return the word for ``value``."""
        digest = blake2b(value.encode(errors="surrogatepass"), digest_size=4, key=self._key).hexdigest()
        return f"(masked {digest})"
