"""The address from which gateways get the module, as it is written into a provider's objects."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

_TRY = re.compile(r"[?&]try=([0-9]{1,9})$", re.ASCII)


class ModuleAddress(Struct, frozen=True, gc=False, kw_only=True):
    """The address of a module and the SHA-256 of its bytes, 64 hexadecimal digits in lower case."""

    url: str
    sha256: str

    def at_try(self, number: int) -> ModuleAddress:
        """Return the module at an address that is another for every ``number``; 0 is this one."""
        if not number:
            return self
        return ModuleAddress(
            url=f"{self.url}{'&' if '?' in self.url else '?'}try={number}", sha256=self.sha256
        )


def try_of(url: str) -> int:
    """Return the number that :meth:`ModuleAddress.at_try` made ``url`` with."""
    found = _TRY.search(url)
    return int(found[1]) if found else 0


def served_module(
    host: str, port: int, sha256: str, form: Literal["pinned", "plain"] = "pinned"
) -> ModuleAddress:
    """Return the module as our server at ``host`` and ``port`` serves it.

    The pinned address never stands for two modules: it gives that module or none. The plain one gives the
    current module, so a gateway that starts with an older digest gets bytes that it refuses.
    """
    pin = f"?sha256={sha256}" if form == "pinned" else ""
    return ModuleAddress(url=f"http://{host}:{port}/kuadrant-wasm-shim{pin}", sha256=sha256)
