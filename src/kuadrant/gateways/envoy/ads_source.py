"""The source of what Envoy is not told at once: the one ADS stream that the bootstrap names."""

from __future__ import annotations

from typing import Any


def ads(*, wait: bool = False) -> dict[str, Any]:
    """Return the ``ConfigSource`` for the ADS stream.

    With ``wait`` the resource is waited for without end, else for Envoy's 15 s.
    """
    source: dict[str, Any] = {"ads": {}, "resource_api_version": "V3"}
    return {**source, "initial_fetch_timeout": "0s"} if wait else source
