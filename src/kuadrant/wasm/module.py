"""A wasm module as it is served: its bytes, with their checksum and what the lock file says of them."""

from __future__ import annotations

import hashlib
from dataclasses import KW_ONLY, dataclass, field


@dataclass(frozen=True)
class Module:
    """A module as it is served.

    Attributes:
        name: What people know it by.
        data: Its bytes.
        version: As the lock file has it; empty for a module that none names, like the two that follow.
        dialects: The forms of configuration that it understands, the preferred one first.
        source: Where it comes from.
        sha256: Computed here from ``data``, in lower-case hexadecimal digits; it cannot be given.
    """

    name: str
    data: bytes = field(repr=False)
    _: KW_ONLY
    version: str = ""
    dialects: tuple[str, ...] = ()
    source: str = ""
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.data).hexdigest())
