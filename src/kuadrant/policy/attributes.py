"""The attributes of a request that the gateway can look at while it has the headers and nothing else."""

from __future__ import annotations

import re
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

# What selectors can name besides, because the shim knows it and the gateway's expressions do not.
_SELECTORS_ONLY = frozenset({"source.remote_address"})

_SEPARATOR = re.compile(r"(?<!\\)\.")


def may_have_value(selector: str) -> bool:
    r"""Whether an attribute selector (``request.headers.x-user``) can have a value at the gateway.

    The selector is a path with dots between its parts; ``\.`` is a dot within a part.
    """
    if selector in _SELECTORS_ONLY:
        return True
    root, *rest = _SEPARATOR.split(selector)
    if root in OPEN_ROOTS:
        return True
    return bool(rest) and rest[0] in ATTRIBUTES.get(root, {})
