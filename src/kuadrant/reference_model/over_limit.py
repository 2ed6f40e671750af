"""The answer to a request that is over a limit, as its rule says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.over_limit import Body, OverLimit
from kuadrant.reference_model.client_headers import names

if TYPE_CHECKING:
    from kuadrant.api.response import Response
    from kuadrant.reference_model.counters import Answer

_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_TITLE = "Request cannot be satisfied as assigned quota has been exceeded"


class Refusal(Struct, frozen=True, gc=False):
    """Status, headers and body of the answer; to a client of gRPC the body is the message."""

    code: int
    headers: tuple[tuple[str, str], ...]
    body: str


def refused(response: Response, answer: Answer, *, is_grpc: bool) -> Refusal:
    """Return what a request gets that ``answer`` refuses."""
    over = response.over_limit or OverLimit()
    given = {name.lower(): line.value for name, line in over.headers.items()}
    if over.body is not None and over.body.problem:
        given |= _OF_PROBLEM
    if is_grpc:
        given.pop("content-type", None)
    return Refusal(over.status, tuple(sorted(given.items())), _body(over, answer, is_grpc=is_grpc))


_OF_PROBLEM = {"content-type": "application/problem+json"}


def _body(over: OverLimit, answer: Answer, *, is_grpc: bool) -> str:
    message = "Too Many Requests" if over.message is None else over.message.value
    if is_grpc:
        return message
    of = over.body or Body()
    if of.problem:
        reached = (
            name
            for name, standing in zip(names(answer.standings), answer.standings, strict=True)
            if standing.remaining < 1
        )
        said = {"type": _TYPE, "title": _TITLE, "status": over.status, "violated-policies": [*reached]}
        return json.dumps(said, separators=(",", ":"))
    return f"{message}\n" if of.value is None else of.value
