"""Checks what the schema of a test file cannot say; every complaint has the field that it is about."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from kuadrant.api.complaints import one_line, unique_names
from kuadrant.api.document_nodes import quoted
from kuadrant.api.duration import milliseconds
from kuadrant.policy_tests.file_format import (
    LONGEST,
    MOST_REQUESTS,
    MOST_TIMES,
    AskedRequest,
    Case,
    Expectation,
    PolicyTests,
    Step,
)
from kuadrant.policy_tests.moments import read_moment, spelled_time
from kuadrant.policy_tests.status_run import read_status

if TYPE_CHECKING:
    from kuadrant.api.complaints import Complaints
    from kuadrant.api.node_reading import Rules

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+", re.ASCII)
_ENCODED: Final = re.compile(r"%(..)?")
_NOT_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/\\")
_OWN_FIELDS: Final = {"host": "write it as request.host"}


def requests_of(step: Step) -> int:
    """Return how many requests a sound step sends: ``times``, else as many as its statuses tell of."""
    if step.request is None:
        return 0
    if step.times is not None:
        return step.times
    if step.expect is None or step.expect.status is None:
        return 1
    return read_status(step.expect.status).least


def _request(request: AskedRequest) -> Complaints:
    yield from _path(request.path)
    yield from _headers(request.headers, "headers")
    for name, value in request.query.items():
        for text in (name, value):
            yield from one_line("query", name, text=text)
    if request.source is not None and _not_an_address(request.source):
        yield (
            ("source",),
            f"is {quoted(request.source)}, must be an IP address such as 10.0.0.7, or one with a port",
        )
    if request.jwt is None and request.jwt_provider != "payload":
        yield ("jwtProvider",), "says who verified a token, and there is none; write its claims as jwt"


def _path(path: str) -> Complaints:
    plain = path.partition("?")[0]
    advice = "write the path as the gateway sees it, which makes it plain first"
    if "//" in plain:
        yield ("path",), f"is {quoted(path)}, has slashes side by side; {advice}"
    if any(part in (".", "..") for part in plain.split("/")):
        yield ("path",), f"is {quoted(path)}, has a part that is . or ..; {advice}"
    for match in _ENCODED.finditer(plain):
        digits = match[1]
        if digits is None or not re.fullmatch(r"[0-9A-Fa-f]{2}", digits):
            yield ("path",), f"is {quoted(path)}, has a % without two digits behind it; write a % as %25"
            return
        if chr(int(digits, 16)) in _NOT_PLAIN:
            yield ("path",), f"is {quoted(path)}, has %{digits} for {chr(int(digits, 16))}; {advice}"
            return


def _headers(headers: dict[str, str], field: str) -> Complaints:
    first: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            yield (field, name), "is no name of a header: letters, digits and !#$%&'*+-.^_`|~"
        elif lower in _OWN_FIELDS:
            yield (field, name), f"has a field of its own; {_OWN_FIELDS[lower]}"
        elif lower in first:
            yield (
                (field, name),
                f"is given twice, as {first[lower]}, too; write both values as one, with a comma",
            )
        first.setdefault(lower, name)
        yield from one_line(field, name, text=value)


def _not_an_address(source: str) -> bool:
    address, port = split_address(source)
    try:
        ip_address(address)
    except ValueError:
        return True
    return port is not None and not (len(port) <= 5 and port.isdecimal() and 0 < int(port) < 65536)


def split_address(source: str) -> tuple[str, str | None]:
    """Return address and port of a ``source``; None where it has no port."""
    if source.startswith("["):
        address, _, rest = source[1:].partition("]")
        return address, rest[1:] if rest.startswith(":") else (rest or None)
    address, colon, port = source.partition(":")
    return (source, None) if not colon or ":" in port else (address, port)


def _expectation(expectation: Expectation) -> Complaints:
    for name in expectation.headers:
        if not _TOKEN.fullmatch(name):
            yield ("headers", name), "is no name of a header: letters, digits and !#$%&'*+-.^_`|~"
    if expectation.status is not None:
        try:
            read_status(expectation.status)
        except ValueError as error:
            yield ("status",), str(error)
    if expectation.asked is False:
        for field in ("limited_by", "remaining"):
            if getattr(expectation, field) is not None:
                yield (_camel(field),), "cannot be where nothing is asked; leave it or asked: false out"


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _step(step: Step) -> Complaints:
    if step.advance is not None:
        for field in ("at", "request", "times", "expect"):
            if getattr(step, field) is not None:
                yield (field,), "is beside advance, which is a step of its own; put it in the next one"
    elif step.request is None:
        yield (), "has neither request nor advance; write what is sent, or how much time passes"
    yield from _times(step)


def _times(step: Step) -> Complaints:
    if step.request is None or step.expect is None or step.expect.status is None:
        return
    try:
        run = read_status(step.expect.status)
    except ValueError:
        return
    if step.times is None and run.least > MOST_TIMES:
        yield ("expect", "status"), f"tells of {run.least} requests; a step sends at most {MOST_TIMES}"
    elif step.times is not None and not run.fits(step.times):
        more = " or more" if run.has_rest else ""
        yield ("expect", "status"), f"tells of {run.least} requests{more}, and times is {step.times}"


def _case(case: Case) -> Complaints:
    if case.begins is not None:
        try:
            read_moment(case.begins)
        except ValueError as error:
            yield ("begins",), str(error)
    now = 0
    for index, step in enumerate(case.steps):
        if step.advance is not None:
            now += milliseconds(step.advance)
        elif step.at is not None:
            at = milliseconds(step.at)
            if at < now:
                message = f"is {step.at}, before {spelled_time(now)}, to where the steps before it have got"
                yield ("steps", index, "at"), message
            now = max(now, at)
        if now > LONGEST:
            field = "advance" if step.advance is not None else "at"
            yield ("steps", index, field), "brings the test to more than ten years; have shorter windows"
            return


def _tests(tests: PolicyTests) -> Complaints:
    yield from unique_names((case.name for case in tests.tests), "tests")
    total = 0
    for index, case in enumerate(tests.tests):
        total += sum(_requests(step) for step in case.steps)
        if total > MOST_REQUESTS:
            message = (
                f"brings the file to more than {MOST_REQUESTS:,} requests; divide it, or have fewer times"
            )
            yield ("tests", index), message
            return


def _requests(step: Step) -> int:
    try:
        return requests_of(step)
    except ValueError:
        return 0


RULES: Final[Rules] = {
    AskedRequest: _request,
    Expectation: _expectation,
    Step: _step,
    Case: _case,
    PolicyTests: _tests,
}
"""The rule of each struct that has one."""
