"""Who may ask.

Gateways of this installation, as soon as all of them can show that they are, and nobody honest is ever
refused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from kuadrant.api.caller_token import shown
from kuadrant.ratelimit_follower.caller_keys_follower import PACE_SECONDS

from .conftest import limit, ours, until

if TYPE_CHECKING:
    from .conftest import Api, Replica, Start

KEY, NEXT = b"1" * 32, b"2" * 32
LIMIT = "limit.a__00000001"
GATEWAY = "default/external"


async def started(api: Api, start: Start, *keys: bytes, marked: bytes | None = KEY) -> Replica:
    """A service that holds 5 of ``LIMIT``, with these keys, and with the mark of one of them."""
    api.put(ours(5, LIMIT), {**limit(1000, 'descriptors[0]["theirs"] == "1"'), "variables": []})
    if keys:
        api.put_keys(*keys)
    api.mark(marked)
    replica = await start()
    await replica.until_ready()
    await until(lambda: replica.process._service.callers._keys == keys)
    return replica


async def asked(replica: Replica, value: str = "", *, hits: int = 0, calls: int = 1) -> dict[str, int]:
    return await replica.outcomes("n", LIMIT, shown=value, hits=hits, calls=calls)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        GATEWAY,
        f"{GATEWAY} v1.",
        shown((NEXT,), GATEWAY),
        shown((KEY,), "a/b").replace("a/b", GATEWAY),
        "x " * 600,
    ],
)
async def test_who_is_no_gateway_is_refused_and_counts_nothing(value: str, api: Api, start: Start) -> None:
    replica = await started(api, start, KEY)
    assert await asked(replica, value, calls=20) == {"UNAUTHENTICATED": 20}
    assert await replica.metric("kuadrant_ratelimit_stranger_calls") == 0
    assert replica.process._service.callers.refused == 20
    assert await asked(replica, shown((KEY,), GATEWAY), calls=6) == {"OK": 5, "OVER_LIMIT": 1}


@pytest.mark.parametrize(
    ("keys", "marked"),
    [((), KEY), ((KEY,), None), ((KEY,), NEXT)],
    ids=["no key", "no mark", "another key's mark"],
)
async def test_everybody_is_served_as_long_as_it_is_not_known_that_all_gateways_have_tokens(
    keys: tuple[bytes, ...], marked: bytes | None, api: Api, start: Start
) -> None:
    replica = await started(api, start, *keys, marked=marked)
    assert await asked(replica, calls=6) == {"OK": 5, "OVER_LIMIT": 1}
    assert replica.process._service.callers.served == (6 if keys else 0)


async def test_a_mark_that_comes_or_goes_is_followed(api: Api, start: Start) -> None:
    replica = await started(api, start, KEY, marked=None)
    assert await asked(replica) == {"OK": 1}
    api.mark(KEY)
    await until(lambda: replica.process._service.callers.is_strict)
    assert await asked(replica) == {"UNAUTHENTICATED": 1}
    api.mark(None)
    await until(lambda: not replica.process._service.callers.is_strict)
    assert await asked(replica) == {"OK": 1}


@pytest.mark.parametrize(
    "value", [shown((KEY,), GATEWAY), shown((NEXT,), GATEWAY), shown((NEXT, KEY), GATEWAY)]
)
async def test_while_a_key_takes_the_place_of_another_tokens_of_both_are_good(
    value: str, api: Api, start: Start
) -> None:
    replica = await started(api, start, NEXT, KEY)
    assert replica.process._service.callers.is_strict
    assert await asked(replica, value) == {"OK": 1}
    assert await asked(replica, shown((b"3" * 32,), GATEWAY)) == {"UNAUTHENTICATED": 1}


async def test_a_gateway_with_a_newer_token_than_was_heard_of_is_not_refused(api: Api, start: Start) -> None:
    replica = await started(api, start, KEY)
    api.is_deaf = True
    api.put_keys(NEXT, KEY)
    assert await asked(replica, shown((NEXT,), GATEWAY), calls=5) == {"OK": 5}


async def test_a_gateway_whose_module_knows_no_tokens_is_not_refused_although_the_word_of_it_is_late(
    api: Api, start: Start
) -> None:
    replica = await started(api, start, KEY)
    api.is_deaf = True
    api.mark(None)
    assert await asked(replica, calls=5) == {"OK": 5}


async def test_nobody_is_refused_while_it_cannot_be_read_whether_that_is_right(
    api: Api, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kuadrant.ratelimit_follower.caller_keys_follower.PACE_SECONDS", 0.05)
    replica = await started(api, start, KEY)
    api.may_read = False
    assert await asked(replica) == {"OK": 1}
    api.may_read = True
    await until(lambda: replica.process._service.callers.is_strict)
    assert await asked(replica) == {"UNAUTHENTICATED": 1}


async def test_strangers_cause_one_look_in_a_while(api: Api, start: Start) -> None:
    replica = await started(api, start, KEY)
    before, begun = len(api.requests), time.monotonic()
    assert await asked(replica, calls=200) == {"UNAUTHENTICATED": 200}
    whiles = 1 + (time.monotonic() - begun) // PACE_SECONDS
    # Besides, what is followed is listed and watched, and the status written, whenever that is due.
    read = [one for one in api.requests[before:] if one.method == "GET"]
    assert 2 <= len([one for one in read if "fieldSelector" not in one.parameters]) <= 2 * whiles


@pytest.mark.parametrize("keys", [(b"short",), (KEY, b"")], ids=["a short key", "an empty former key"])
async def test_a_secret_that_cannot_be_used_refuses_nobody(
    keys: tuple[bytes, ...], api: Api, start: Start
) -> None:
    replica = await started(api, start, KEY)
    api.put_keys(*keys)
    await until(lambda: not replica.process._service.callers.is_on)
    assert await asked(replica) == {"OK": 1}


async def test_a_gateway_may_ask_what_gateways_are_told_to_ask_and_nothing_else(
    api: Api, start: Start
) -> None:
    replica = await started(api, start, KEY)
    token = shown((KEY,), GATEWAY)
    assert await asked(replica, token, hits=998) == {"INVALID_ARGUMENT": 1}
    assert await replica.outcomes("n", "theirs", shown=token, calls=1) == {"INVALID_ARGUMENT": 1}
    assert await asked(replica, token, hits=1, calls=6) == {"OK": 5, "OVER_LIMIT": 1}


async def test_what_is_secret_is_in_no_line(
    api: Api, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    replica = await started(api, start, KEY)
    token = shown((KEY,), GATEWAY)
    await asked(replica, token)
    await asked(replica, token[:-1])
    out, err = capfd.readouterr()
    assert token[-20:-1] not in out + err
    assert "MTEx" not in out + err
    assert "1111" not in repr(replica.process._callers._table.entries)
