"""One frozen record of what the user asked for, from flags and environment."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from msgspec import Struct

from kuadrant.gateways.envoy import Address

FailureMode = Literal["deny", "allow"]

_DURATION = re.compile(r"(?:\d{1,5}(?:h|m|s|ms)){1,4}")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_PART = re.compile(r"(\d+)(ms|h|m|s)")
_LONGEST_TIMEOUT = 60_000
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


class RunSettings(Struct, frozen=True, kw_only=True):
    """What ``kuadrant run`` was asked to do.

    ``modules`` is a folder of fetched modules. ``wasm_port`` and ``metrics_port`` are off at 0. ``rate_limit_timeout`` is in milliseconds. Without
    ``rate_limit_service`` the embedded one is used.
    """

    folder: Path
    address: str = "127.0.0.1"
    port: int = 8000
    modules: Path | None = None
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


class OperatorSettings(Struct, frozen=True, kw_only=True):
    """What ``kuadrant operator`` was asked to do.

    ``namespace`` is the operator's own. ``modules`` is a folder of fetched modules. ``wasm_host`` is the name under which gateways reach the module server, by default that
    of its Service; ``wasm_url`` is the form of the address that is written. ``push_port`` and ``push_host`` are those of the push
    server; ``delivery`` is how gateways get the module that do not say it themselves. ``envoy_gateway_namespace`` is where Envoy Gateway
    makes its proxies. Ports are off at 0.
    Another replica leads ``lease_seconds`` after the leader was heard of last.
    """

    namespace: str
    modules: Path | None = None
    wasm_port: int = 8082
    wasm_host: str = ""
    wasm_url: Literal["pinned", "plain"] = "pinned"
    wasm_proof: Literal["service", "endpoints"] = "service"
    delivery: Literal["pull", "push"] = "pull"
    push_port: int = 8083
    push_host: str = ""
    envoy_gateway_namespace: str = "envoy-gateway-system"
    probes_port: int = 8081
    metrics_port: int = 8080
    lease_seconds: int = 15
    failure_mode: FailureMode = "deny"
    rate_limit_timeout: int = 1000


class RatelimitSettings(Struct, frozen=True, kw_only=True):
    """What ``kuadrant ratelimit`` was asked to do.

    ``namespace`` and ``name`` are the resource's; without a namespace it is the one of the service account or of the
    kubeconfig's context. Without ``service_host`` it is the name of the Service that the limitador-operator makes for the resource.
    """

    name: str = "limitador"
    namespace: str | None = None
    address: str = "0.0.0.0"  # noqa: S104 - a pod is reached at whatever address it gets
    port: int = 8081
    operations_port: int = 8080
    service_host: str | None = None
    kubeconfig: Path | None = None


def timeout(text: str) -> int:
    """Return a duration such as ``100ms`` or ``1m30s`` (Gateway API's format) in milliseconds.

    Raises:
        ValueError: it is not such a duration, or not one that the shim takes for a timeout.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration; write it like 100ms, 2s or 1m30s")
    milliseconds = sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))
    if not 1 <= milliseconds <= _LONGEST_TIMEOUT:
        raise ValueError(
            f"{text!r} is too {'long' if milliseconds else 'short'}; from 1ms to 1m are possible"
        )
    return milliseconds


def ip(text: str) -> str:
    """Return the text of an IP address as it is.

    Raises:
        ValueError: it is none.
    """
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address; write it like 127.0.0.1, 0.0.0.0 or ::") from None
    return text


def sha256(text: str) -> str:
    """Return a SHA-256 in lower case.

    Raises:
        ValueError: it is not 64 hexadecimal digits.
    """
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{text!r} is not a SHA-256; it has 64 hexadecimal digits")
    return text.lower()


def address(text: str) -> Address:
    """Return ``IP:PORT`` as an address; an IPv6 address stands in brackets.

    Raises:
        ValueError: it is not that.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ip_address(host)
    except ValueError:
        host = ""
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not IP:PORT")
    return Address(host, int(port))
