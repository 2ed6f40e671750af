"""What filters see of the headers that a client sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.reference_model.filter_view import received, removed, seen
from kuadrant.reference_model.gateway_refusal import refusal
from kuadrant.reference_model.removed_headers import NEVER_SEEN

_HEADERS = st.lists(
    st.tuples(
        st.sampled_from([*sorted(NEVER_SEEN), "connection", "upgrade", "te", "referer", "x-user", "Host"]),
        st.sampled_from(["", "a", " a\t", "upgrade", "Upgrade, a", "websocket", "h2c", "trailers", "gzip"]),
    )
)


@given(_HEADERS)
def test_what_never_is_seen_is_not_there_and_what_is_there_was_sent(headers: list[tuple[str, str]]) -> None:
    sent = received(headers)
    left = seen(sent)
    assert NEVER_SEEN.isdisjoint(name for name, _ in left)
    assert {name for name, _ in left} <= {name for name, _ in sent}
    assert seen(left) == left
    assert set(removed(sent)) == {name for name, _ in sent} - {name for name, _ in left} - {"host"}


def test_values_are_read_without_spaces_and_tabs_around_them_and_with_all_else() -> None:
    sent = [("X-User", " \t60s \t"), ("x-none", "  "), ("x-within", "a \tb"), ("x-other", "\u00a0a")]
    assert received(sent) == (
        ("x-user", "60s"),
        ("x-none", ""),
        ("x-within", "a \tb"),
        ("x-other", "\u00a0a"),
    )


@pytest.mark.parametrize("name", sorted(NEVER_SEEN))
def test_a_header_that_is_removed_is_told(name: str) -> None:
    assert removed(((name, "7"), ("x-user", "a"))) == (name,)


def test_what_the_gateway_writes_anew_is_not_the_client_s_and_not_told_as_removed() -> None:
    sent = (("x-request-id", "7"), ("x-forwarded-proto", "ftp"), ("x-envoy-external-address", "7"))
    assert seen(sent) == ()
    assert removed(sent) == ()


def test_the_connection_is_seen_where_it_is_for_a_websocket() -> None:
    websocket = (("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket"))
    assert seen(websocket) == websocket
    assert seen((("connection", "keep-alive"), ("upgrade", "websocket"))) == ()
    assert seen((("connection", "upgrade"),)) == ()


def test_what_the_connection_names_is_not_seen() -> None:
    sent = (("connection", "close, X-Hop"), ("x-hop", "1"), ("close", "1"), ("x-user", "a"))
    assert seen(sent) == (("close", "1"), ("x-user", "a"))
    assert removed(sent) == ("connection", "x-hop")


@pytest.mark.parametrize("value", ["x-forwarded-for", ":path", ",".join(f"x-{n}" for n in range(10))])
def test_what_the_connection_may_not_say_is_refused(value: str) -> None:
    found = refusal("GET", "http", "a", "/", (("connection", value),))
    assert found is not None
    assert found.status == 400


def test_another_upgrade_is_refused_but_http2_which_is_left_out() -> None:
    other, http2 = ((("connection", "upgrade"), ("upgrade", name)) for name in ("other", "h2c"))
    found = refusal("GET", "http", "a", "/", other)
    assert found is not None
    assert found.status == 403
    assert refusal("GET", "http", "a", "/", http2) is None
    assert seen((*http2, ("http2-settings", "a"))) == ()


@pytest.mark.parametrize(
    ("value", "left"),
    [("trailers", "trailers"), ("gzip, trailers", "trailers"), ("gzip", None), ("Trailers", None), ("", "")],
)
def test_of_te_only_trailers_are_left(value: str, left: str | None) -> None:
    assert seen((("te", value),)) == (() if left is None else (("te", left),))


def test_of_several_referrers_all_are_seen_or_none() -> None:
    several = (("referer", "/a"), ("referer", "/b"))
    assert seen(several) == several
    assert seen((*several, ("referer", "/c#d"))) == ()
