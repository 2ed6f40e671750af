"""The names of the objects that are made for Gateways: no two of a kind ever have the same one."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from msgspec import Struct

MOST_CHARACTERS: Final = 253
"""Of a DNS-1123 subdomain, as which Kubernetes takes names of Gateways, and of objects for them."""


class ObjectNames(Struct, frozen=True, gc=False):
    """Names the objects that are there for one purpose: ``kuadrant``, the purpose, the Gateway, the part.

    A Gateway may itself be called like a part of another one, and a name may become too long. Then dots take
    the place of hyphens, and a digest that of the Gateway's name. Nothing else of ours has a dot there, so
    such a name is nobody else's, and what is usual is called as Kuadrant calls it.

    Attributes:
        purpose: What comes before the Gateway's name; empty for the main object.
        parts: A pattern for all parts that a Gateway can have objects of their own for.
    """

    purpose: str = ""
    parts: str = "(?!)"

    def of(self, gateway: str, part: str = "") -> str:
        """Return the name of the object for the Gateway of that name, or for a part of it."""
        plain = "-".join(filter(None, (self._plain(gateway), part)))
        looks_like_a_part = not part and re.search(rf"-(?:{self.parts})\Z", gateway)
        if len(plain) <= MOST_CHARACTERS and not looks_like_a_part:
            return plain
        return ".".join(filter(None, (self._dotted(gateway), part)))

    def is_for(self, name: str, gateway: str) -> bool:
        """Tell whether a former version or this one may have called an object for a Gateway by ``name``."""
        is_plain = not name.startswith("kuadrant.")
        whole, joint = (self._plain(gateway), "-") if is_plain else (self._dotted(gateway), ".")
        part = name.removeprefix(whole)
        return name == whole or (part != name and bool(re.fullmatch(rf"\{joint}(?:{self.parts})", part)))

    def _plain(self, gateway: str) -> str:
        return "-".join(filter(None, ("kuadrant", self.purpose, gateway)))

    def _dotted(self, gateway: str) -> str:
        return ".".join(filter(None, ("kuadrant", self.purpose, sha256(gateway.encode()).hexdigest())))


PORTS: Final = "port-[1-9][0-9]*"
"""The parts of what has an object for each port of a Gateway."""


def port_part(port: int | None) -> str:
    """Return the part that a port is; without one there is none."""
    return "" if port is None else f"port-{port}"
