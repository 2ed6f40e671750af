"""What a policy exempts, in what is told of a request: in the words in which it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.explanation.short_text import short_text
from kuadrant.explanation.verbose_text import verbose_text

from .asking import asked, policy

if TYPE_CHECKING:
    from kuadrant.explanation import Explanation

LIMIT = "a: {rates: [{limit: 1, window: 1s}]}"


def _asked(exempt: str, url: str = "http://toys.x/toys") -> Explanation:
    return asked(policy(LIMIT, spec=f'exempt: [{{predicate: "{exempt}"}}]\n'), url=url)


def test_a_request_that_is_exempt_is_told_by_what() -> None:
    found = _asked("request.url_path == '/toys'")
    (limit,) = found.limits
    assert (found.outcome, limit.applies) == ("admitted", "no")
    assert limit.because == "request.url_path == '/toys' is true, which exempts"
    told = " ".join(short_text(found).split())
    assert f'{limit.because} (request.url_path = "/toys")' in told
    assert "exempt when request.url_path == '/toys' is true" in verbose_text(found)
    assert "!(" not in verbose_text(found)


def test_one_that_is_not_is_told_with_what_it_is_not() -> None:
    found = _asked("request.url_path == '/health'")
    (condition,) = found.limits[0].when
    assert (found.limits[0].applies, condition.result, condition.lets_apply) == ("yes", "false", "true")
    assert "exempt when request.url_path == '/health' is false" in verbose_text(found)


@pytest.mark.parametrize(
    ("exempt", "applies", "because"),
    [
        ("request.headers['x-a'] == 'b'", "fails", "the request has no header x-a"),
        ("source.remote_address == '10.0.0.1'", "unknown", "is not known"),
    ],
)
def test_what_fails_or_is_not_known_is_told_in_its_own_words(exempt: str, applies: str, because: str) -> None:
    (limit,) = _asked(exempt).limits
    assert limit.applies == applies
    assert limit.because.startswith(exempt)
    assert limit.because.endswith(because)
