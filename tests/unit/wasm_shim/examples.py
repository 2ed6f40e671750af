"""Configurations, requests and messages: each with what a test is about, and the least of everything else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .proxy_wasm_host import GrpcCall, Header, Host, Stream

Json = dict[str, Any]

OK = b"\x08\x01"
OVER_LIMIT = b"\x08\x02"
UNKNOWN = b"\x08\x00"
CLUSTER_TARGET = b"\x0a\x05\x0a\x03rls"
"""``GrpcService{envoy_grpc{cluster_name: "rls"}}``."""


def service(**changes: Any) -> Json:
    return {"cluster": "rls", "timeoutMs": 1000, "failureMode": "deny", **changes}


def entry(key: str = "k", value: str = "1") -> Json:
    return {"key": key, "value": value}


def limit(*entries: Json, when: Sequence[Json] = ()) -> Json:
    return {"entries": list(entries or [entry()]), "when": list(when)}


def action(*limits: Json, scope: str = "scope", service: str = "limiter") -> Json:
    return {"service": service, "scope": scope, "limits": list(limits or [limit()])}


def rule(*actions: Json, name: str = "rule", **match: Any) -> Json:
    return {"name": name, "actions": list(actions or [action()]), **match}


def configuration(*rules: Json, hostname: str = "*", services: Mapping[str, Json] | None = None) -> Json:
    return {
        "version": 1,
        "services": services or {"limiter": service()},
        "hosts": [{"hostname": hostname, "rules": list(rules or [rule()])}],
    }


def configure(host: Host, document: Json) -> None:
    """Configures the root context with a document that has to be right."""
    assert host.configure(json.dumps(document).encode()), host.errors


def request(
    path: str | None = "/",
    method: str = "GET",
    authority: str | None = "example.com",
    *more: tuple[str, str],
    **headers: str,
) -> list[Header]:
    """A request's headers; the names of ``headers`` are written with ``_`` for ``-``."""
    pseudo = [(":authority", authority), (":path", path), (":method", method), (":scheme", "http")]
    pairs = [(name, value) for name, value in pseudo if value is not None]
    pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in [*pairs, *more]]


def calls(
    host: Host, headers: Sequence[Header], attributes: Mapping[str, bytes] | None = None
) -> list[GrpcCall]:
    """What one request asks the service before it has an answer."""
    before = len(host.calls)
    host.request(headers, attributes)
    return host.calls[before:]


def paused(host: Host, headers: Sequence[Header] | None = None) -> tuple[Stream, GrpcCall]:
    """A request that waits for an answer, and what was asked."""
    stream = host.request(headers or request())
    assert stream.state == "paused"
    return stream, host.calls[-1]


def fields(message: bytes) -> list[tuple[int, Any]]:
    """The fields of a protocol buffer: numbers and, unread, strings or messages."""
    found: list[tuple[int, Any]] = []
    while message:
        tag, message = _varint(message)
        number, message = _varint(message)
        if tag & 7 == 2:
            found.append((tag >> 3, message[:number]))
            message = message[number:]
        else:
            assert tag & 7 == 0
            found.append((tag >> 3, number))
    return found


def _varint(data: bytes) -> tuple[int, bytes]:
    value = shift = 0
    for index, byte in enumerate(data):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, data[index + 1 :]
    raise ValueError("a number without an end")


def entries(call: GrpcCall) -> list[tuple[str, str]]:
    """The entries of the call's one descriptor."""
    domain, descriptor, hits = fields(call.message)
    assert (domain[0], descriptor[0], hits) == (1, 2, (3, 1))
    return [(fields(one)[0][1].decode(), fields(one)[1][1].decode()) for _, one in fields(descriptor[1])]


def field(number: int, value: bytes) -> bytes:
    """A string or message field, shorter than 128 bytes."""
    return bytes([number << 3 | 2, len(value)]) + value


def header(name: bytes, value: bytes) -> bytes:
    """One of the headers of a service's answer."""
    return field(3, field(1, name) + field(2, value))


def counted(host: Host) -> dict[str, int]:
    """The counters that are not 0, without those of single limits (test_reasons.py)."""
    return {
        name.removeprefix("kuadrant."): value
        for name, value in host.metrics.items()
        if value and not name.endswith("limited_by_limit")
    }
