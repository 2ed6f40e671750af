"""URLs, read as curl reads them; what could be a password is in no message."""

from __future__ import annotations

import pytest

from kuadrant.explanation.request_error import RequestError
from kuadrant.explanation.request_url import Address, address_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("toys.x", Address("http", "toys.x", 80, "/")),
        ("HTTP://toys.x:8000/a?b#c", Address("http", "toys.x:8000", 8000, "/a?b")),
        ("https://toys.x:443?b", Address("https", "toys.x", 443, "/?b")),
        ("toys.x:/a", None),
        ("http:/toys.x/a", Address("http", "toys.x", 80, "/a")),
        ("http:///toys.x/a", Address("http", "toys.x", 80, "/a")),
        ("http:////toys.x/a", None),
        ("http://[::1]:80/", Address("http", "[::1]", 80, "/")),
        ("http://[fe80::1%25eth0]:8000/", Address("http", "[fe80::1]:8000", 8000, "/")),
        ("http://[::1/", None),
        ("http://me:pass@toys.x/", Address("http", "toys.x", 80, "/", "me:pass")),
    ],
)
def test_a_url_is_read_as_by_curl(url: str, address: Address | None) -> None:
    if address is not None:
        assert address_of(url) == address
        return
    with pytest.raises(RequestError):
        address_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:s3cr3t@toys.x:99999/",
        "http://me:s3cr3t@to ys.x/",
        "http://me:s3cr3t@/",
        "ftp://me:s3cr3t@toys.x/",
        "http://me:pa@s3cr3t@toys.x/",
        "http://me:s3cr3t/more@toys.x/",
        "me:s3cr3t@toys.x:0",
    ],
)
def test_no_password_is_in_what_is_said_of_a_url(url: str) -> None:
    with pytest.raises(RequestError) as raised:
        address_of(url)
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("http://bücher.x/", "write the host as xn--bcher-kva.x"),
        ("http://toys.x/ü", "write %C3%BC"),
        ("http://toys.x/\udcff", "write %FF"),
        ("http://toys.x/\ud800", "leave it out"),
        ("http://to ys.x/", "write the host in letters"),
    ],
)
def test_what_to_write_in_place_of_an_odd_character_is_said(url: str, instead: str) -> None:
    with pytest.raises(RequestError, match=instead):
        address_of(url)


@pytest.mark.timeout(10)
def test_a_long_url_is_read_at_once() -> None:
    path = "/" + "ab/" * 300_000
    assert address_of(f"http://toys.x{path}").target == path
    assert address_of(f"http://a:b@toys.x{path}").credentials == "a:b"
