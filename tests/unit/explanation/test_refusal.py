"""Requests that a gateway answers by itself are no requests to explain; and how odd ones reach policies."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.explanation import RequestError, header_of

from .asking import asked, policy

_LONG = "a" * 62_000


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"method": "get"}, "400 by itself: it takes no method get; write GET"),
        ({"method": "BREW"}, "it takes no method BREW; write one such as GET"),
        ({"method": "CONNECT"}, "it takes no method CONNECT"),
        ({"method": "QUERY"}, "400 by itself: it takes no QUERY without a content-type"),
        ({"method": "QUERY", "headers": (("content-type", ""),)}, "it takes no QUERY without a content-type"),
        ({"headers": (("host", "to ys.x"),)}, "a character in the host that no host has"),
        ({"url": "http://toys.x/toys%00"}, "400 by itself: it takes no path with %00"),
        ({"headers": (("x-user", _LONG),)}, "431 by itself: the headers are longer than 60 KiB"),
        (
            {"headers": tuple((f"x-{n}", "") for n in range(100))},
            "431 by itself: there are 101 headers",
        ),
    ],
)
def test_what_a_gateway_refuses_by_itself_is_said_and_not_decided(
    request_: dict[str, Any], said: str
) -> None:
    with pytest.raises(RequestError) as raised:
        asked(**request_)
    assert said in str(raised.value)
    assert _LONG not in str(raised.value)


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "PROPFIND"},
        {"method": "QUERY", "headers": (("content-type", "application/json"),)},
        {"url": "http://toys.x/toys?a=%00"},
        {"headers": (("x-user", _LONG[:60_000]),)},
        {"headers": tuple((f"x-{n}", "") for n in range(99))},
    ],
)
def test_what_a_gateway_takes_is_decided(request_: dict[str, Any]) -> None:
    assert asked(**request_).outcome == "admitted"


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [("http://toys.x/toys", True), ("http://toys.x/cars", False), ("http://other.x/toys", False)],
)
def test_an_upgrade_that_no_gateway_takes_is_refused_unless_no_rule_of_the_host_holds(
    url: str, *, is_refused: bool
) -> None:
    headers = (("connection", "upgrade"), ("upgrade", "foo"))
    if is_refused:
        with pytest.raises(RequestError, match="403 by itself: it takes no upgrade to foo"):
            asked(url=url, headers=headers)
    else:
        assert asked(url=url, headers=headers).outcome == "no-route"


def test_the_first_host_is_the_request_s_as_curl_has_it() -> None:
    assert asked(headers=(("Host", "toys.x"), ("Host", "other.x"))).rule is not None
    assert asked(headers=(("Host", "other.x"), ("Host", "toys.x"))).rule is None


def test_a_request_without_a_host_is_none() -> None:
    with pytest.raises(RequestError, match="without a host with 400"):
        header_of("Host:")
    assert header_of("Host;") == ("host", "")


def test_a_byte_that_is_no_utf8_is_a_replacement_character_and_no_failure() -> None:
    text = policy(
        "some: {rates: [{limit: 2, window: 10s}], counters: [{expression: \"request.headers['x-user']\"}]}"
    )
    found = asked(text, headers=(("x-user", "a\udcff"),), show_values=True)
    assert found.limits[0].standings[0].key == (("request.headers['x-user']", "a\ufffd"),)
    assert ("x-user", "a\ufffd") in found.request.headers


def test_a_value_is_read_without_white_space_around_it() -> None:
    text = policy(
        "some: {rates: [{limit: 2, window: 10s}], "
        "when: [{predicate: \"duration(request.headers['x']) > duration('1s')\"}]}"
    )
    assert asked(text, headers=(("X", " 60s\t"),)).limits[0].applies == "yes"


@pytest.mark.parametrize("text", ["authorization Bearer s3cr3t", "s3cr3t", "Bearer s3cr3t: x"])
def test_what_is_no_header_is_not_told_as_it_may_be_a_value(text: str) -> None:
    with pytest.raises(RequestError) as raised:
        header_of(text)
    assert "s3cr3t" not in str(raised.value)
