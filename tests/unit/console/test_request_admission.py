"""Who is answered: who asks this machine by its own names, with GET, and from no other site's page."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from kuadrant.console.request_admission import is_own_host, objection
from kuadrant.console.security_headers import FIELDS, POLICY
from kuadrant.wasm.http_request import Request


def asked(method: str = "GET", **headers: str) -> Request:
    named = {"host": "127.0.0.1:9900", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(method=method, target="/", version="1.1", headers=named, keep_alive=True)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:9900",
        "LOCALHOST.:9900",
        "console.localhost:1",
        "127.0.0.1:9900",
        "10.1.2.3",
        "[::1]:9900",
        "[::1]",
        "gate.example.com",
        "gate.example.com:443",
    ],
)
def test_names_that_nobody_else_can_own_are_answered_and_the_one_that_was_given(host: str) -> None:
    assert is_own_host(host, {"gate.example.com"})


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "evil.example:9900", "[::1"],
)
def test_a_name_that_somebody_else_may_lead_here_is_not(host: str) -> None:
    assert not is_own_host(host, {"gate.example.com"})
    refused = objection(asked(host=host), ())
    assert refused is not None
    assert refused[0] is HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_nothing_can_be_changed(method: str) -> None:
    refused = objection(asked(method), ())
    assert refused is not None
    assert refused[0] is HTTPStatus.METHOD_NOT_ALLOWED


def test_a_body_is_not_taken() -> None:
    refused = objection(asked(content_length="1"), ())
    assert refused is not None
    assert refused[0] is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("site", "mode", "answered"),
    [
        ("same-origin", "cors", True),
        ("none", "navigate", True),
        ("cross-site", "navigate", True),
        ("cross-site", "no-cors", False),
        ("same-site", "cors", False),
    ],
)
def test_another_site_may_lead_people_here_and_read_nothing(site: str, mode: str, *, answered: bool) -> None:
    assert (objection(asked(sec_fetch_site=site, sec_fetch_mode=mode), ()) is None) is answered


def test_every_answer_forbids_all_that_the_page_does_not_need() -> None:
    assert "unsafe" not in POLICY
    assert "*" not in POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in POLICY
    assert "X-Content-Type-Options: nosniff" in FIELDS
    assert "Cache-Control: no-store" in FIELDS
