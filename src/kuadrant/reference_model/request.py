"""A request as a gateway's filters see it.

Its path is made plain, and the gateway's own headers are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct

from kuadrant.policy.attributes import ATTRIBUTES, OPEN_ROOTS, selector_path
from kuadrant.reference_model.expressions import double_as_text

Scalar = str | int | float | bool | datetime
Value = Scalar | list["Value"] | dict[str, "Value"]


# Envoy knows one value of these: what came more than once is one, joined.
_OF_ONE_VALUE = frozenset({"content-type", "user-agent", "x-forwarded-for"})


class Request(Struct, frozen=True, kw_only=True, gc=False):
    """The head of a request at the port ``port`` of a gateway.

    ``target`` is the path with its query. ``headers`` are in their order, names in lower case, without pseudo
    headers and ``host``. Everything is text; a byte that is no UTF-8 is U+FFFD. ``attributes`` are those that
    only the gateway knows (``source.address``, ``request.id``, ``connection.mtls``), by their path; one that
    is not there has no value. What other filters say (``metadata.filter_metadata``) has parts below it.
    """

    authority: str
    method: str = "GET"
    target: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    port: int = 80
    scheme: str = "http"
    protocol: str = "HTTP/1.1"
    attributes: Mapping[tuple[str, str], Value] = MappingProxyType({})

    @property
    def path(self) -> str:
        """The path without query and fragment."""
        return self.target.partition("?")[0].partition("#")[0]

    @property
    def query(self) -> str:
        """The text behind the first ``?``, as it is."""
        return self.target.partition("?")[2]

    @property
    def host(self) -> str:
        """The host that is asked for, in lower case and without the port.

        The port is what follows the last colon outside of an IPv6 literal.
        """
        name, colon, port = self.authority.lower().rpartition(":")
        return name if colon and "]" not in port else self.authority.lower()

    def values(self, header: str) -> tuple[str, ...]:
        """All values of a header."""
        if header in ("host", ":authority"):
            return (self.authority,)
        values = tuple(value for name, value in self.headers if name == header)
        return (",".join(values),) if values and header in _OF_ONE_VALUE else values

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter.

        Nothing is decoded, and a name without ``=`` has the empty value.
        """
        for parameter in self.query.split("&") if self.query else ():
            own, _, value = parameter.partition("=")
            if own == name:
                return value
        return None

    @property
    def is_grpc(self) -> bool:
        """Tell whether the client expects the answers of gRPC, whose failures have the status 200."""
        kind = next(iter(self.values("content-type")), "")
        return kind == "application/grpc" or kind.startswith("application/grpc+")

    def text(self, selector: str) -> str | None:
        """Return what a selector of ``kuadrant.io/v1beta2`` means; None if the request has none of it."""
        path = selector_path(selector)
        match path:
            case None:
                return None
            case ("request", "host"):
                return self.host
            case ("request", "headers", name):
                return self._joined().get(name.lower())
            case ("auth", "identity", *below):
                found = _part(self.attributes.get(("auth", "identity")), below)
                return double_as_text(found) if isinstance(found, float) else _as_text(found)
            case (root, name, *below):
                return _as_text(_part(self._attributes().get((root, name)), below))
            case _:
                return None

    def activation(self) -> dict[str, Value]:
        """Return what an expression sees, by the roots of attributes."""
        roots: dict[str, Value] = {root: {} for root in (*ATTRIBUTES, *OPEN_ROOTS)}
        for (root, name), value in self._attributes().items():
            attributes = roots[root]
            assert isinstance(attributes, dict)
            attributes[name] = value
        request = roots["request"]
        assert isinstance(request, dict)
        # By that name it is found, and not listed.
        request["headers"] = {name: value for name, value in self._joined().items() if name != "host"}
        return roots

    def _attributes(self) -> dict[tuple[str, str], Value]:
        known: dict[tuple[str, str], Value] = {
            ("request", "path"): self.target,
            ("request", "url_path"): self.path,
            ("request", "host"): self.authority,
            ("request", "scheme"): self.scheme,
            ("request", "method"): self.method,
            ("request", "protocol"): self.protocol,
            ("request", "query"): self.query,
            ("request", "size"): _length(self.values("content-length")),
        }
        for attribute, header in (
            ("referer", "referer"),
            ("useragent", "user-agent"),
            ("id", "x-request-id"),
        ):
            if values := self.values(header):
                known["request", attribute] = ",".join(values)
        if (address := self.attributes.get(("source", "address"))) is not None:
            known["source", "remote_address"] = _without_port(str(address))
        return {**known, **self.attributes}

    def _joined(self) -> dict[str, str]:
        """Every header with all of its values, as attributes have them."""
        joined: dict[str, str] = {
            ":authority": self.authority,
            "host": self.authority,
            ":path": self.target,
            ":method": self.method,
            ":scheme": self.scheme,
        }
        for name, value in self.headers:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        return joined


def _length(values: tuple[str, ...]) -> int:
    text = values[0] if values else ""
    return int(text) if text.isascii() and text.isdigit() else 0


def _without_port(address: str) -> str:
    host, colon, port = address.rpartition(":")
    return (host if colon and "]" not in port else address).removeprefix("[").removesuffix("]")


def _part(value: Value | None, below: Iterable[str]) -> Value | None:
    for name in below:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _as_text(value: Value | None) -> str | None:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime():
            text = value.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
            return f"{text}Z"
        case _:  # not there, or no text to the gateway either
            return None
