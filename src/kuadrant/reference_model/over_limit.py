"""The answer to a request that is over a limit, as its rule says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.over_limit import Body, OverLimit
from kuadrant.policy.answer_text import LONGEST_INSERTED, body_kind, in_body, on_one_line
from kuadrant.reference_model.client_headers import names
from kuadrant.reference_model.evaluation_end import TooMuchError
from kuadrant.reference_model.expressions import EvaluationError, Expressions

if TYPE_CHECKING:
    from kuadrant.api.over_limit import Line
    from kuadrant.api.response import Response
    from kuadrant.reference_model.counters import Answer
    from kuadrant.reference_model.request import Request

_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_TITLE = "Request cannot be satisfied as assigned quota has been exceeded"


class Refusal(Struct, frozen=True, gc=False):
    """Status, headers and body of the answer; the body may be what the message says, as always for gRPC."""

    code: int
    headers: tuple[tuple[str, str], ...]
    body: str
    says_message: bool = False


def refused(response: Response, answer: Answer, request: Request) -> Refusal:
    """Return what ``request`` gets, which ``answer`` refuses.

    A header whose value cannot be made for it is left out. In place of such a body there is the message,
    without the content type that was meant for the body, and in place of such a message the usual one.
    """
    over, made = response.over_limit or OverLimit(), _Made(request)
    given = {
        name.lower(): value for name, line in over.headers.items() if (value := made.line(line)) is not None
    }
    message = None if over.message is None else made.line(over.message)
    message = "Too Many Requests" if message is None else message
    text = made.body(over)
    if text is None and over.body is not None and _is_made(over.body):
        given.pop("content-type", None)
    if over.body is not None and over.body.problem:
        given |= _OF_PROBLEM
        text = _problem(over, answer)
    if request.is_grpc:
        given.pop("content-type", None)
        text = message
    says_message = text is None or request.is_grpc
    return Refusal(
        over.status, tuple(sorted(given.items())), f"{message}\n" if text is None else text, says_message
    )


_OF_PROBLEM = {"content-type": "application/problem+json"}


def _is_made(said: Line | Body) -> bool:
    return said.selector is not None or said.expression is not None


def _problem(over: OverLimit, answer: Answer) -> str:
    reached = (
        name
        for name, standing in zip(names(answer.standings), answer.standings, strict=True)
        if standing.denies
    )
    said = {"type": _TYPE, "title": _TITLE, "status": over.status, "violated-policies": [*reached]}
    return json.dumps(said, separators=(",", ":"))


class _Made:
    """The texts that are made of one request; None for one that cannot be."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def line(self, line: Line) -> str | None:
        if not _is_made(line):
            return line.value
        pieces = self._pieces(line)
        if pieces is None:
            return None
        return on_one_line("".join(text[:LONGEST_INSERTED] if new else text for text, new in pieces))

    def body(self, over: OverLimit) -> str | None:
        body = over.body or Body()
        if not _is_made(body):
            return body.value
        types = [line.value for name, line in over.headers.items() if name.lower() == "content-type"]
        of = body_kind(types[0] or "" if types else "text/plain") or "text"
        pieces = self._pieces(body)
        return None if pieces is None else "".join(in_body(text, of) if new else text for text, new in pieces)

    def _pieces(self, said: Line | Body) -> tuple[tuple[str, bool], ...] | None:
        if said.expression is None:
            text = self._request.text(said.selector or "")
            return None if text is None else ((text, True),)
        try:
            return Expressions(self._request).made(said.expression)
        except (EvaluationError, TooMuchError):
            return None
