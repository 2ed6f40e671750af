"""A request in curl's words is the one that curl sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.cli.curl_words import CurlWords
from kuadrant.cli.more_curl_words import MoreCurlWords
from kuadrant.explanation import RequestError

if TYPE_CHECKING:
    from pathlib import Path

FORM = ("content-type", "application/x-www-form-urlencoded")


# What curl 7.88 sends, seen at a socket.
@pytest.mark.parametrize(
    ("data", "headers", "method", "body", "sent"),
    [
        (("abc",), (), "POST", b"abc", [("content-length", "3"), FORM]),
        (("",), (), "POST", b"", [("content-length", "0"), FORM]),
        (("a=1", "b=2"), (), "POST", b"a=1&b=2", [("content-length", "7"), FORM]),
        (("é",), (), "POST", b"\xc3\xa9", [("content-length", "2"), FORM]),
        (
            ("a",),
            ("Content-Type: text/plain",),
            "POST",
            b"a",
            [("content-type", "text/plain"), ("content-length", "1")],
        ),
        (("a",), ("content-type:",), "POST", b"a", [("content-length", "1")]),
        (("abc",), ("Content-Length: 1",), "POST", b"abc", [("content-length", "1"), FORM]),
        (("abc",), ("content-length:",), "POST", b"abc", [FORM]),
        (("abc",), ("Transfer-Encoding: chunked",), "POST", b"abc", [("transfer-encoding", "chunked"), FORM]),
        ((), (), "GET", b"", []),
    ],
)
def test_a_body_is_sent_with_its_length_and_type(
    data: tuple[str, ...], headers: tuple[str, ...], method: str, body: bytes, sent: list[tuple[str, str]]
) -> None:
    asked, _ = CurlWords(data=data, header=headers).of("http://a.x/")
    assert (asked.method, asked.body) == (method, body)
    assert sorted(asked.headers) == sorted(sent)


def test_a_file_is_read_and_its_ends_of_lines_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"a=1\r\nb\n\0c")
    asked, _ = CurlWords(data=(f"@{tmp_path}/body", "d"), request="PUT").of("http://a.x/")
    assert (asked.method, asked.body, dict(asked.headers)["content-length"]) == ("PUT", b"a=1bc&d", "7")


@pytest.mark.parametrize(
    ("data", "said"),
    [("@/no/such", "--data: /no/such cannot be read: No such file"), ("@-", "standard input")],
)
def test_a_file_that_cannot_be_read_is_said(data: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        CurlWords(data=(data,)).of("http://a.x/")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            MoreCurlWords(form=("a=1",)),
            "-F makes a body with parts, which is not made here; write --data-binary",
        ),
        (MoreCurlWords(data_urlencode=("a b",)), "write --data-raw with the encoded text"),
        (MoreCurlWords(user="me"), "-u: a password is not asked for; write NAME:PASSWORD"),
        (MoreCurlWords(json=("{}",), data_raw=("a",)), "--json stands without another body"),
        (MoreCurlWords(head=True, data_raw=("a",)), "with -I there is no body"),
        (MoreCurlWords(data_binary=("@/no/such",)), "/no/such cannot be read: No such file"),
    ],
)
def test_a_word_that_is_not_there_is_told_with_what_to_write(words: MoreCurlWords, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        CurlWords(more=words).of("http://a.x/")


def test_json_says_what_it_is_and_what_it_takes() -> None:
    asked, _ = CurlWords(more=MoreCurlWords(json=("{}",)), header=("Accept: text/plain",)).of("http://a.x/")
    assert (asked.method, asked.body) == ("POST", b"{}")
    assert sorted(asked.headers) == [
        ("accept", "text/plain"),
        ("content-length", "2"),
        ("content-type", "application/json"),
    ]
