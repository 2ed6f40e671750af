"""Requests that are thought of: what of them can be put otherwise, and how large they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, structs

from kuadrant.explanation import ClientRequest
from kuadrant.policy.attributes import HEADERS_BY_ATTRIBUTE
from kuadrant.policy.identity_source import CLAIMS, PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.explanation.knowledge import Path

MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
"""When a request is made for which that matters."""


_ORIGIN: Final = "https://shop.example"


class Draft(Struct, frozen=True, gc=False):
    """A request by its parts; ``query`` is as it is sent, ``host`` without a port."""

    host: str
    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    source: str | None = None
    claims: tuple[tuple[tuple[str, ...], str], ...] = ()
    time: datetime | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Return how many parts it has, and how long they are."""
        parameters = self.query.split("&") if self.query else []
        parts = (
            (self.method != "GET")
            + len([step for step in self.path.split("/") if step])
            + sum(1 for _ in (*parameters, *self.headers, *self.claims))
            + (self.source is not None)
            + (self.time is not None)
        )
        texts = (self.method, self.path, self.query, *(text for header in self.headers for text in header))
        return parts, sum(map(len, texts))

    def header(self, name: str) -> str | None:
        """The value of a header."""
        return next((value for own, value in self.headers if own == name), None)

    def with_header(self, name: str, value: str | None) -> Draft:
        """Return it with a header in place of those of that name; None is without."""
        others = tuple(header for header in self.headers if header[0] != name)
        return structs.replace(self, headers=others if value is None else (*others, (name, value)))

    def asked(self, scheme: str, port: int, gateway: str, waited: float = 0.0) -> ClientRequest:
        """Return it as a client sends it to a port of ``gateway``, ``waited`` seconds after the first."""
        own = {"http": 80, "https": 443}[scheme]
        place = self.host if port == own else f"{self.host}:{port}"
        claims: dict[str, Any] = {}
        for path, value in self.claims:
            _put(claims, path, value)
        return ClientRequest(
            url=f"{scheme}://{place}{self.path}{'?' if self.query else ''}{self.query}",
            method=self.method,
            headers=self.headers,
            port=port,
            gateway=gateway,
            source=self.source,
            claims=claims or None,
            time=None if self.time is None else self.time + timedelta(seconds=waited),
        )


def preflight(draft: Draft) -> Draft:
    """Return ``draft`` as browsers ask for it before they send it for a page of another origin."""
    asked = structs.replace(draft, method="OPTIONS").with_header("origin", _ORIGIN)
    return asked.with_header("access-control-request-method", draft.method)


def _put(claims: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for name in path[:-1]:
        inner = claims.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        claims = inner
    claims[path[-1]] = value


def changed(draft: Draft, path: Path, value: str | None) -> Draft | None:  # noqa: PLR0911 - one for each kind
    """Return ``draft`` with the attribute at ``path`` as ``value``; None if a client cannot make it so."""
    match path:
        case ("request", "headers", name):
            return _with_header(draft, name.lower(), value)
        case ("request", name) if name in HEADERS_BY_ATTRIBUTE:
            return _with_header(draft, HEADERS_BY_ATTRIBUTE[name], value)
        case _ if value is None:
            return None
        case ("request", "time"):
            return _at(draft, value)
        case ("request", name):
            return _asked_for(draft, name, value)
        case ("source", "remote_address" | "address"):
            return structs.replace(draft, source=value or None)
        case _ if path[: len(PATH)] == PATH and len(path) > len(PATH):
            return structs.replace(draft, claims=((tuple(path[len(PATH) :]), value),))
        case _ if path[: len(CLAIMS)] == CLAIMS and len(path) > len(CLAIMS) + 1:
            return structs.replace(draft, claims=((tuple(path[len(CLAIMS) + 1 :]), value),))
    return None


def _asked_for(draft: Draft, name: str, value: str) -> Draft | None:
    match name:
        case "method" if value:
            return structs.replace(draft, method=value)
        case "path" | "url_path" if value.startswith("/"):
            own, _, query = value.partition("?")
            is_whole = name == "path" or query
            return structs.replace(draft, path=own, query=query if is_whole else draft.query)
        case "query":
            return structs.replace(draft, query=value)
        case "host" if value:
            return draft.with_header("host", None if value == draft.host else value)
    return None


def _at(draft: Draft, value: str) -> Draft | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return structs.replace(draft, time=moment if moment.tzinfo else moment.replace(tzinfo=UTC))


_SPECIAL: Final[Mapping[str, tuple[str, ...]]] = {
    ":method": ("request", "method"),
    ":path": ("request", "path"),
    ":authority": ("request", "host"),
    "host": ("request", "host"),
}


def _with_header(draft: Draft, name: str, value: str | None) -> Draft | None:
    if name in _SPECIAL:
        return changed(draft, _SPECIAL[name], value)
    if not name or name.startswith(":"):
        return None
    return draft.with_header(name, value)
