"""The attributes of a request that policies can name: one table, from which everything about them is derived.

A gateway looks at them while it has the headers and nothing else. The page ``docs/attributes.md`` is made
from it, and the module's reading of selectors is held to it.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

REQUEST_BYTES: Final = 65_536
"""The most that all of a request's headers are together; of a larger one no expression is evaluated."""
MOST_HEADERS: Final = 100
"""The most headers of a request (Envoy's default)."""

Type = Literal["string", "int", "uint", "bool", "timestamp", "map(string, string)", "map(string, dyn)", "any"]
Mode = Literal["run", "Istio", "Envoy Gateway"]

_EVERYWHERE: Final[frozenset[Mode]] = frozenset({"run", "Istio", "Envoy Gateway"})
_WITH_TLS: Final[frozenset[Mode]] = frozenset({"Istio", "Envoy Gateway"})
_ALWAYS: Final = "every request"
_HEADER: Final = "requests with the header"
_TLS: Final = "requests over TLS"
_CLIENT_CERTIFICATE: Final = "requests with a client's certificate"


class Attribute(Struct, frozen=True, kw_only=True, gc=False):
    """An attribute, or with ``.*`` all that are below it.

    Its text has ``size`` bytes at most. ``known`` says which requests have one, ``modes`` where there can be
    such requests. ``header`` is the one whose value it is. It can be named by ``selectors`` of v1beta2, and
    in ``expressions`` of v1. ``told`` says in what it is told to official modules, ``kuadrant`` since which
    version those read it in selectors and in CEL, if they do.
    """

    name: str
    type: Type = "string"
    size: int = REQUEST_BYTES
    known: str = _ALWAYS
    modes: frozenset[Mode] = _EVERYWHERE
    header: str = ""
    selectors: bool = True
    expressions: bool = True
    told: frozenset[Literal["selectors", "expressions"]] = frozenset()
    kuadrant: tuple[str, str] = ("v0.4", "v0.7")
    note: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """Its names."""
        return tuple(self.name.removesuffix(".*").split("."))

    @property
    def is_open(self) -> bool:
        """Tell whether only the gateway's configuration knows its shape."""
        return self.type == "any"


_TOLD: Final[frozenset[Literal["selectors", "expressions"]]] = frozenset({"selectors", "expressions"})
_IN_SELECTORS: Final[frozenset[Literal["selectors", "expressions"]]] = frozenset({"selectors"})
_IN_EXPRESSIONS: Final[frozenset[Literal["selectors", "expressions"]]] = frozenset({"expressions"})
_ADDRESS: Final = 128
_NUMBER: Final = 20
_NAME: Final = 256


def _certificate(name: str, known: str) -> Attribute:
    return Attribute(name=f"connection.{name}", known=known, modes=_WITH_TLS, kuadrant=("v0.4", ""))


TABLE: Final = (
    Attribute(name="request.path", told=_TOLD, note="with the query"),
    Attribute(name="request.url_path", told=_TOLD, note="without query and fragment"),
    Attribute(
        name="request.host",
        told=_TOLD,
        note="in expressions as the client wrote it, in selectors in lower case and without the port; "
        "official modules cannot count by it in v1beta2",
    ),
    Attribute(name="request.scheme", told=_TOLD),
    Attribute(name="request.method", told=_TOLD),
    Attribute(
        name="request.headers",
        type="map(string, string)",
        told=_TOLD,
        note=f"at most {MOST_HEADERS}; in selectors by a name, `request.headers.x-user`",
    ),
    Attribute(name="request.referer", known=_HEADER, header="referer", told=_IN_SELECTORS),
    Attribute(name="request.useragent", known=_HEADER, header="user-agent", told=_IN_SELECTORS),
    Attribute(name="request.time", type="timestamp", size=32, note="when the request began"),
    Attribute(name="request.id", known="gateways that make one", header="x-request-id", told=_IN_SELECTORS),
    Attribute(name="request.protocol", size=16, told=_TOLD),
    Attribute(
        name="request.query", told=_TOLD, note="what follows the first `?`; empty, to official modules none"
    ),
    Attribute(name="request.size", type="int", size=_NUMBER, note="the header `content-length`, or 0"),
    Attribute(name="request.total_size", type="int", size=_NUMBER, kuadrant=("v0.4", "")),
    Attribute(name="source.address", size=_ADDRESS, told=_TOLD, note="with the port"),
    Attribute(name="source.port", type="int", size=_NUMBER, told=_IN_EXPRESSIONS),
    Attribute(
        name="source.remote_address",
        size=_ADDRESS,
        kuadrant=("", "v0.7"),
        note="without the port, behind proxies that the gateway trusts that of the client; in expressions "
        "since module 0.6.0; official modules cut an IPv6 address at its first colon",
    ),
    Attribute(name="destination.address", size=_ADDRESS, told=_TOLD, note="with the port"),
    Attribute(name="destination.port", type="int", size=_NUMBER, told=_IN_EXPRESSIONS),
    Attribute(name="connection.id", type="uint", size=_NUMBER, kuadrant=("v0.4", "")),
    Attribute(name="connection.mtls", type="bool", size=5, kuadrant=("v0.4", "")),
    Attribute(
        name="connection.requested_server_name",
        size=_NAME,
        known=_TLS,
        modes=_WITH_TLS,
        kuadrant=("v0.4", ""),
        note="empty without TLS",
    ),
    Attribute(name="connection.tls_version", size=16, known=_TLS, modes=_WITH_TLS, kuadrant=("v0.4", "")),
    _certificate("subject_local_certificate", _TLS),
    _certificate("subject_peer_certificate", _CLIENT_CERTIFICATE),
    _certificate("dns_san_local_certificate", _TLS),
    _certificate("dns_san_peer_certificate", _CLIENT_CERTIFICATE),
    _certificate("uri_san_local_certificate", _TLS),
    _certificate("uri_san_peer_certificate", _CLIENT_CERTIFICATE),
    _certificate("sha256_peer_certificate_digest", _CLIENT_CERTIFICATE),
    Attribute(name="metadata.*", type="any", known="as the gateway's other filters say"),
    Attribute(
        name="filter_state.*",
        type="any",
        known="as the gateway's other filters say",
        kuadrant=("v0.4", ""),
    ),
    Attribute(name="xds.*", type="any", known="as the gateway is configured", kuadrant=("v0.4", "")),
    Attribute(name="plugin_name", type="any", kuadrant=("v0.4", "")),
    Attribute(
        name="auth.identity",
        type="map(string, dyn)",
        known="gateways with the annotation kuadrant.io/identity",
        kuadrant=("", "v0.7"),
        note="what the gateway has authenticated, in selectors by a name, `auth.identity.sub`; elsewhere a "
        "limit of v1beta2 with it does not apply, and v1 refuses it",
    ),
    Attribute(
        name="auth.*",
        type="any",
        known="none",
        modes=frozenset(),
        selectors=False,
        expressions=False,
        kuadrant=("", "v0.7"),
        note="all else of `auth`: a limit of v1beta2 with it does not apply; v1 refuses it",
    ),
)

_EXPRESSED: Final = tuple(one for one in TABLE if one.expressions)
ATTRIBUTES: Final[dict[str, dict[str, str]]] = {
    root: {one.path[1]: one.type for one in _EXPRESSED if not one.is_open and one.path[0] == root}
    for root in dict.fromkeys(one.path[0] for one in _EXPRESSED if not one.is_open)
}
"""The types of those that expressions can name, by root and name."""
SIZES: Final = {one.path: one.size for one in TABLE}
OPEN_ROOTS: Final = tuple(one.path[0] for one in _EXPRESSED if one.is_open)
"""Roots whose shape only the gateway's configuration knows."""

HEADERS_BY_ATTRIBUTE: Final = {one.path[1]: one.header for one in TABLE if one.known == _HEADER}
"""The header whose value an attribute of ``request`` has, by its name: without the header it has none."""

READ_DIFFERENTLY: Final = frozenset({"request.host", "request.time"})
"""Names by which a selector and an expression of the same text read different values.

The host without its port and in lower case, or as the client wrote it; a moment as a text.
"""

REMOTE_ADDRESS: Final = "source.remote_address"
"""The client's address without its port, which the module makes of the gateway's `source.address`."""
_SELECTED: Final = frozenset(one.path for one in TABLE if one.selectors and not one.is_open)


def selector_path(selector: str) -> tuple[str, ...] | None:
    r"""The names that a selector (``request.headers.x-user``) consists of, or None if it is no path of names.

    Names are parted by dots and are not empty; in a name ``\`` takes the next character as it is, so that
    ``\.`` is a dot.
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


def may_have_value(path: tuple[str, ...], *, identity: bool = False) -> bool:
    """Tell whether the attribute at ``path`` can have a value at a gateway, with or without identities."""
    if path[0] == "auth":
        return identity and path[:2] in _SELECTED
    return path[0] in OPEN_ROOTS or path[:2] in _SELECTED
