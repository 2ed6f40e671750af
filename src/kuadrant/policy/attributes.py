"""The attributes of a request that the gateway can look at while it has the headers and nothing else."""

from __future__ import annotations

from typing import Final

_STRING = "string"
_HEADERS = "map(string, string)"

# The attributes of Envoy that have a value while the headers of a request are looked at.
ATTRIBUTES: Final[dict[str, dict[str, str]]] = {
    "request": {
        "path": _STRING,
        "url_path": _STRING,
        "host": _STRING,
        "scheme": _STRING,
        "method": _STRING,
        "headers": _HEADERS,
        "referer": _STRING,
        "useragent": _STRING,
        "time": "timestamp",
        "id": _STRING,
        "protocol": _STRING,
        "query": _STRING,
        "size": "int",
        "total_size": "int",
    },
    "source": {"address": _STRING, "port": "int"},
    "destination": {"address": _STRING, "port": "int"},
    "connection": {
        "id": "uint",
        "mtls": "bool",
        "requested_server_name": _STRING,
        "tls_version": _STRING,
        "subject_local_certificate": _STRING,
        "subject_peer_certificate": _STRING,
        "dns_san_local_certificate": _STRING,
        "dns_san_peer_certificate": _STRING,
        "uri_san_local_certificate": _STRING,
        "uri_san_peer_certificate": _STRING,
        "sha256_peer_certificate_digest": _STRING,
    },
}
# Roots whose shape only the gateway's configuration knows.
OPEN_ROOTS: Final = ("metadata", "filter_state", "xds", "plugin_name")

# Names by which a selector and an expression of the same text read different values: the host without its port and in lower case,
# or as the client wrote it.
READ_DIFFERENTLY: Final = frozenset({"request.host", "request.time"})

# What selectors can name besides, because the shim knows it and the gateway's expressions do not.
_SELECTORS_ONLY = frozenset({("source", "remote_address")})


def selector_path(selector: str) -> tuple[str, ...] | None:
    r"""The names that a selector (``request.headers.x-user``) consists of, or None if it is no path of names.

    Names are parted by dots and are not empty; in a name ``\`` takes the next character as it is, so that ``\.`` is a dot.
    """
    names = [""]
    characters = iter(selector)
    for character in characters:
        if character == ".":
            names.append("")
        elif character == "\\":
            escaped = next(characters, "")
            if not escaped:
                return None
            names[-1] += escaped
        else:
            names[-1] += character
    return tuple(names) if all(names) and "\0" not in selector else None


def may_have_value(path: tuple[str, ...]) -> bool:
    """Whether the attribute at ``path`` can have a value at the gateway."""
    root, *rest = path
    if root in OPEN_ROOTS or path in _SELECTORS_ONLY:
        return True
    return bool(rest) and rest[0] in ATTRIBUTES.get(root, {})
