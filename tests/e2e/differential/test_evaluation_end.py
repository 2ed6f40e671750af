"""What the module ends since it takes too much is known before, to the step, whatever takes it.

For each expression the longest text is looked for that it is not ended over, by the reference model. A real
Envoy answers that, and refuses the next longer one, also where another expression has read the text before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.reference_model import Expressions, Request
from kuadrant.reference_model.evaluation_end import TooMuchError

from .comparison import compare
from .expression_cases import case, limit
from .generator import Asked

if TYPE_CHECKING:
    from .conftest import Reality

pytestmark = pytest.mark.e2e

LONGEST = 48_000
HEADER = "x-long"
COSTLY = (
    # What is costly, in a path, and the piece that is repeated.
    ("request.path.split('/').exists(part, part == 'zz')", "ab/"),
    ("request.path.split('/').map(part, part + 'b').join(',') == 'b'", "ab/"),
    ("request.path.split('/').filter(part, part.matches('^b')).size() > 0", "abc/"),
    ("request.path.split('') == request.path.reverse().split('')", "ab"),
    ("request.path.matches('^(/a+)*(a|b)+x$')", "/a"),
    ("request.path.lowerAscii().upperAscii().reverse().lowerAscii() == 'b'", "aB"),
    ("request.path.replace('/', 'bbbb').replace('b', 'cc') == 'b'", "/a"),
    ("strings.quote(request.path).contains('zz')", "a/"),
    ("queryMap(request.query)['a'] == '1'", "&b%41=1"),
    ("queryMap(request.query, true).exists(name, name == 'z')", "&bb=1"),
    ("queryMap(request.path.replace('/', '&')).exists(name, name == 'z')", "/a"),
    ("request.path.split('/').map(part, {part: [part]}).size() == 1", "a/"),
    (
        "cel.bind(p, request.path.split('/'), p.exists_one(a, a == 'b') && p.last() == optional.of('c'))",
        "b1/",
    ),
    # And in a header.
    (f"request.headers['{HEADER}'].split(',').map(one, size(one)).exists(size, size > 5)", "ab,"),
    (f"request.headers['{HEADER}'].split(',').exists(one, double(one) > 5.5)", "1.25,"),
    (
        f"request.headers['{HEADER}'].split(',').exists(one, timestamp(one).getFullYear() > 2025)",
        "2024-01-01T00:00:00Z,",
    ),
)


def asked(expression: str, piece: str, times: int) -> Asked:
    """A request with the text that an expression is about."""
    if HEADER in expression:
        return Asked("g0", 80, "api.example.com", "GET", "/", ((HEADER, piece * times + piece.rstrip(",")),))
    start = "/?a=1" if piece.startswith("&") else "/"
    return Asked("g0", 80, "api.example.com", "GET", start + piece.removeprefix("/") + piece * times)


def is_ended(expression: str, piece: str, times: int) -> bool:
    """Whether the module ends an expression, by the reference model."""
    one = asked(expression, piece, times)
    request = Request(authority=one.authority, method=one.method, target=one.target, headers=one.headers)
    try:
        Expressions(request).holds(expression)
    except TooMuchError:
        return True
    return False


def last_answered(expression: str, piece: str) -> int:
    """How often the piece comes in the longest text that the expression is not ended over."""
    few, many = 1, LONGEST // len(piece)
    assert is_ended(expression, piece, many), "it is never ended"
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if is_ended(expression, piece, middle) else (middle, many)
    return few


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("expression", "piece"), COSTLY)
def test_the_last_that_is_answered_and_the_first_that_is_ended(
    reality: Reality, expression: str, piece: str
) -> None:
    times = last_answered(expression, piece)
    around = [asked(expression, piece, times + more) for more in (-1, 0, 1, 2)]
    # What another expression has read is charged again.
    limits = [limit("request.path.startsWith('/') && request.query != 'zz'"), limit(expression)]
    assert None not in limits, "no policy may have it"
    outcomes = compare(reality, case([one for one in limits if one], around))
    assert outcomes == ["admitted", "admitted", "failed", "failed"]
