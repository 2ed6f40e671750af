"""Who may ask, by what is held."""

from __future__ import annotations

import pytest

from kuadrant.api.caller_token import HEADER, fingerprint, shown
from kuadrant.ratelimit import caller_tokens as callers
from kuadrant.ratelimit.caller_tokens import Callers, StrangerError

KEY = b"1" * 32


def of(value: str | bytes) -> tuple[tuple[str, str | bytes], ...]:
    return (("te", "trailers"), (HEADER, value), ("user-agent", "x"))


def strict() -> Callers:
    one = Callers()
    assert one.hold((KEY,), fingerprint(KEY))
    return one


async def test_what_was_shown_once_is_found_without_a_computation() -> None:
    one = strict()
    asked = of(shown((KEY,), "a/b"))
    assert one.known(asked) is None
    assert await one.judge(asked) == "a/b"
    assert one.known(asked) == "a/b"


async def test_with_other_keys_nobody_is_known_any_more() -> None:
    one = strict()
    asked = of(shown((KEY,), "a/b"))
    await one.judge(asked)
    assert not one.hold((KEY,), fingerprint(KEY))
    assert one.known(asked) == "a/b"
    assert one.hold((b"2" * 32,), fingerprint(b"2" * 32))
    assert one.known(asked) is None
    with pytest.raises(StrangerError):
        await one.judge(asked)


@pytest.mark.parametrize("metadata", [(), of(""), of(b"\xff"), of("a/b v1.x")])
async def test_strangers_are_refused_counted_and_not_remembered(
    metadata: tuple[tuple[str, str | bytes], ...],
) -> None:
    one = strict()
    for _ in range(2):
        with pytest.raises(StrangerError):
            await one.judge(metadata)
    assert (one.refused, one.served, one._known) == (2, 0, {})


async def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "_MOST_REMEMBERED", 3)
    one = strict()
    for number in range(10):
        assert await one.judge(of(shown((KEY,), f"a/{number}"))) == f"a/{number}"
        assert len(one._known) <= 3
