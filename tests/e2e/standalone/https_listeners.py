"""The example's Gateway with listeners of HTTPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HOST = "api.toystore.com"
LISTENERS = """
    - name: https
      port: 443
      protocol: HTTPS
      hostname: "*.toystore.com"
      allowedRoutes: {namespaces: {from: All}}
      tls: {certificateRefs: [{name: toystore}]}
"""


def with_https(toystore: Path, *more: str) -> str:
    """Give the example's Gateway listeners of HTTPS beside its own; return its text."""
    gateway = toystore / "gateway.yaml"
    gateway.write_text(gateway.read_text().rstrip() + LISTENERS + "".join(more))
    return gateway.read_text()
