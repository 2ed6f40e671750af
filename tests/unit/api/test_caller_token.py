"""What a gateway shows, and who is believed."""

from __future__ import annotations

import pytest

from kuadrant.api.caller_token import LONGEST, fingerprint, gateway_of, shown

KEY, OTHER = b"1" * 32, b"2" * 32
GATEWAY = "default/external"


def test_what_is_shown_is_the_same_for_ever() -> None:
    """Another text would lock out gateways that have this one."""
    assert shown((KEY,), GATEWAY) == "default/external v1.67xEnUn5XtJabvlQHtFwNj755bToGscPTzmlrzDllrs"


@pytest.mark.parametrize("keys", [(KEY,), (KEY, OTHER), (OTHER, KEY)])
@pytest.mark.parametrize("held", [(KEY,), (KEY, OTHER), (OTHER, KEY)])
def test_a_token_of_one_key_that_is_held_is_enough(keys: tuple[bytes, ...], held: tuple[bytes, ...]) -> None:
    assert gateway_of(shown(keys, GATEWAY), held) == GATEWAY


@pytest.mark.parametrize(
    "value",
    [
        "",
        GATEWAY,
        f"{GATEWAY} ",
        f"{GATEWAY} v1.",
        shown((OTHER,), GATEWAY),
        shown((KEY,), "default/other").replace("other", "external"),
        shown((KEY,), GATEWAY)[:-1],
        shown((KEY,), GATEWAY).replace("v1.", "v2."),
        shown((KEY,), GATEWAY).upper(),
        shown((KEY,), GATEWAY).replace("default", "d\u00e9fault"),
        shown((KEY,), GATEWAY) + " x" * LONGEST,
        shown((OTHER,) * 4 + (KEY,), GATEWAY),
    ],
)
def test_nobody_else_is_believed(value: str) -> None:
    assert gateway_of(value, (KEY,)) is None


def test_without_a_key_nobody_is() -> None:
    assert gateway_of(shown((), GATEWAY), ()) is None
    assert gateway_of(shown((KEY,), GATEWAY), ()) is None


def test_a_key_s_public_name_tells_keys_apart_and_nothing_of_them() -> None:
    assert fingerprint(KEY) != fingerprint(OTHER)
    assert len(fingerprint(KEY)) == 16
