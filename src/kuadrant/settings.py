"""One frozen record of what the user asked for, from flags and environment."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003  (the command line resolves the annotations)
from typing import Literal

from msgspec import Struct

FailureMode = Literal["deny", "allow"]

_DURATION = re.compile(r"(?:\d{1,5}(?:h|m|s|ms)){1,4}")
_PART = re.compile(r"(\d+)(ms|h|m|s)")
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


class Address(Struct, frozen=True):
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return ``host:port``, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class RunSettings(Struct, frozen=True, kw_only=True):
    """What ``kuadrant run`` was asked to do.

    ``wasm_port`` and ``metrics_port`` are off at 0. ``rate_limit_timeout`` is in milliseconds. Without
    ``rate_limit_service`` the embedded one is used.
    """

    folder: Path
    address: str = "127.0.0.1"
    port: int = 8000
    wasm_port: int = 8082
    admin_port: int = 9901
    metrics_port: int = 0
    echo: bool = False
    envoy: Path | None = None
    once: bool = False
    failure_mode: FailureMode = "deny"
    rate_limit_timeout: int = 1000
    rate_limit_headers: bool = False
    rate_limit_service: Address | None = None
    log_level: Literal["debug", "info", "warn", "error"] = "info"


def milliseconds(text: str) -> int:
    """Return a duration such as ``100ms`` or ``1m30s`` (Gateway API's format) in milliseconds.

    Raises:
        ValueError: it is not such a duration.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration; write it like 100ms, 2s or 1m30s")
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))


def address(text: str) -> Address:
    """Return ``HOST:PORT`` as an address; an IPv6 host stands in brackets.

    Raises:
        ValueError: there is no port, or it is not one.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))
