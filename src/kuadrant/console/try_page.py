"""The view *Try*: what becomes of a request, and why; and the same as a test of policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Struct, to_builtins

from kuadrant.explanation import ClientRequest, RequestError, header_of
from kuadrant.explanation.short_text import short_text
from kuadrant.explanation.verbose_text import verbose_text
from kuadrant.explanation.words import verdict
from kuadrant.policy_tests.status_run import spelled

if TYPE_CHECKING:
    from kuadrant.console.topology_index import TopologyIndex
    from kuadrant.explanation import Configuration, Explanation

MOST_TIMES: Final = 1_000
"""So often a request may be repeated here."""
MOST_AT_ONCE: Final = 2
"""So many requests are decided here at a time."""
_ADMITTED: Final = 200


class Tried(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request, as a person has written it.

    Attributes:
        url: As for curl.
        method: The method.
        headers: Lines such as ``name: value``.
        times: How often it is sent; told is the last one.
        port: The Gateway's port, whatever the URL says.
        gateway: The Gateway, where several are meant.
        source: The client's address.
        jwt: The claims of the client's token, as JSON.
        route: The route that a gateway has told; it says by which listener the request came, if nothing else
            does.
    """

    url: str
    method: str = "GET"
    headers: tuple[str, ...] = ()
    times: int = 1
    port: int | None = None
    gateway: str | None = None
    source: str | None = None
    jwt: str | None = None
    route: str | None = None


def try_page(configuration: Configuration, index: TopologyIndex, tried: Tried) -> dict[str, Any]:
    """Return what becomes of a request: the record, its texts, and a test of it.

    Counters begin at nothing, and values of headers are masked.

    Raises:
        RequestError: It is no request that one of the gateways would get.
    """
    if not 1 <= tried.times <= MOST_TIMES:
        raise RequestError(f"it can be sent from 1 to {MOST_TIMES} times")
    asked = _asked(tried, index)
    record = configuration.explain(asked, times=tried.times).explanation
    return {
        "explanation": to_builtins(record),
        "verdict": verdict(record),
        "short": short_text(record),
        "verbose": verbose_text(record),
        "test": as_test(asked, record, tried.times),
    }


def _asked(tried: Tried, index: TopologyIndex) -> ClientRequest:
    headers = [one for text in tried.headers if text.strip() and (one := header_of(text)) is not None]
    gateway, port = tried.gateway or None, tried.port
    if tried.route and (gateway is None or port is None):
        found = [
            one for one in index.routes if one.route.route == tried.route and gateway in (None, one.gateway)
        ]
        if found:
            gateway, port = found[0].gateway, port or found[0].listener.port
    return ClientRequest(
        url=tried.url,
        method=tried.method,
        headers=tuple(headers),
        port=port,
        gateway=gateway,
        source=tried.source or None,
        claims=_claims(tried.jwt),
    )


def _claims(text: str | None) -> dict[str, Any] | None:
    if not text or not text.strip():
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise RequestError(
            f'the claims are no JSON object ({error}); write such as {{"sub": "alice"}}'
        ) from None


def as_test(asked: ClientRequest, record: Explanation, times: int) -> str | None:
    """Return a file of tests (docs/policy-tests.md) that holds policies to what was explained.

    None if it is not known what becomes of the request.
    """
    if (
        record.outcome == "unknown"
        or record.client is None
        or any(one.outcome == "unknown" for one in record.before)
    ):
        return None
    url = urlsplit(asked.url if "://" in asked.url else f"http://{asked.url}")
    host = next((value for name, value in asked.headers if name == "host"), url.netloc.rpartition("@")[2])
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    request: dict[str, Any] = {"host": host}
    if asked.method != "GET":
        request["method"] = asked.method
    if path != "/":
        request["path"] = path
    if headers := _joined(asked.headers):
        request["headers"] = headers
    if asked.source:
        request["source"] = asked.source
    if asked.claims is not None:
        request["jwt"] = dict(asked.claims)
    expect: dict[str, Any] = {"status": spelled(_statuses(record))}
    if record.outcome == "limited":
        expect["limitedBy"] = record.limited_by[0]
    elif record.rule is not None and record.rule.rule:
        expect["rule"] = record.rule.rule
    if expect["status"].isdigit():
        expect["status"] = int(expect["status"])
    step = {"request": request, **({"times": times} if times > 1 else {}), "expect": expect}
    name = f"{asked.method} {host}{url.path or '/'}: {record.outcome}"[:200]
    file = {
        "gateway": record.listener.gateway,
        "port": record.listener.port,
        "tests": [{"name": name, "steps": [step]}],
    }
    return yaml.safe_dump(file, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def _joined(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        if name != "host":
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _statuses(record: Explanation) -> list[int]:
    assert record.client is not None
    before = [status for one in record.before for status in [one.status or _ADMITTED] * one.count]
    return [*before, record.client.status or _ADMITTED]
