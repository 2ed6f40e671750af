"""What is answered to which bytes, however they are cut into pieces."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kuadrant.wasm import Module
from kuadrant.wasm.http_conversation import Conversation
from kuadrant.wasm.http_request import HEAD_MAX
from kuadrant.wasm.http_response import end_of_head
from kuadrant.wasm.module_shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterable

NEW = Module("new", b"0123456789")
OLD = Module("old", b"the module before")
SHELF = Shelf([NEW, OLD])
ABSENT = "0" * 64
PLAIN = "/kuadrant-wasm-shim"
PINNED = f"/wasm/{NEW.sha256}.wasm"

DATE = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"


def converse(pieces: Iterable[bytes], shelf: Shelf = SHELF) -> tuple[bytes, bool]:
    """Return all that is answered to the pieces, and whether the connection ends.

    They are sent at the start of 1970.
    """
    conversation = Conversation()
    answered = b""
    for piece in pieces:
        conversation.receive(piece)
        while (response := conversation.next_response(shelf)) is not None:
            answered += response.head + end_of_head(0) + bytes(response.body)
    return answered, conversation.over


def ask(request_line: str, *fields: str) -> str:
    """Return the answer to one request with a Host field."""
    text = "\r\n".join((request_line, "Host: operator:8082", *fields, "", ""))
    return converse([text.encode("latin-1")])[0].decode()


def told(status: str, text: str, *fields: str) -> str:
    """Return an answer for a person, on a connection that stays open."""
    about = ("Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(text) + 1}")
    return "\r\n".join((f"HTTP/1.1 {status}", *fields, *about, f"{DATE}{text}\n"))


def refused(status: str, text: str) -> bytes:
    """Return an answer after which the connection ends."""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(text) + 1}\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\n{DATE}{text}\n"
    ).encode()


def validators(module: Module = NEW, cache_control: str = "no-cache") -> str:
    return f'ETag: "{module.sha256}"\r\nCache-Control: {cache_control}\r\nAccept-Ranges: bytes\r\n'


def whole(module: Module = NEW, cache_control: str = "no-cache") -> str:
    return (
        f"HTTP/1.1 200 OK\r\n{validators(module, cache_control)}Content-Type: application/wasm\r\n"
        f"Content-Length: {len(module.data)}\r\n{DATE}{module.data.decode()}"
    )


FOR_EVER = "public, max-age=31536000, immutable"
NOT_FOUND = told("404 Not Found", "there is nothing at this address", "Cache-Control: no-store")
NOT_MODIFIED = f"HTTP/1.1 304 Not Modified\r\n{validators()}{DATE}"
CHANGED = told(
    "412 Precondition Failed", "what is here has another checksum", validators().removesuffix("\r\n")
)


# Which module is at which address.


@pytest.mark.row(165)
@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (PLAIN, whole(NEW)),
        (f"{PLAIN}?sha256={NEW.sha256}", whole(NEW, FOR_EVER)),
        (f"{PLAIN}?sha256={OLD.sha256}", whole(OLD, FOR_EVER)),
        (f"{PLAIN}?try=1", whole(NEW)),
        (f"{PLAIN}?sha256={OLD.sha256}&try=12", whole(OLD, FOR_EVER)),
        (f"/wasm/{NEW.sha256}.wasm", whole(NEW, FOR_EVER)),
        (f"/wasm/{OLD.sha256}.wasm", whole(OLD, FOR_EVER)),
        (f"http://operator:8082{PLAIN}", whole(NEW)),
        (f"HTTP://operator/wasm/{OLD.sha256}.wasm", whole(OLD, FOR_EVER)),
    ],
)
def test_an_address_gives_its_module(target: str, answer: str) -> None:
    assert ask(f"GET {target} HTTP/1.1") == answer


@pytest.mark.parametrize("target", [f"{PLAIN}?sha256={ABSENT}", f"/wasm/{ABSENT}.wasm"])
def test_a_module_that_is_not_held_may_be_asked_for_again(target: str) -> None:
    assert ask(f"GET {target} HTTP/1.1") == told(
        "503 Service Unavailable",
        f"no module with SHA-256 {ABSENT} is held here now",
        "Retry-After: 5",
        "Cache-Control: no-store",
    )


@pytest.mark.row(166)
@pytest.mark.parametrize(
    "target",
    [
        "/",
        "//",
        "/wasm",
        "/wasm/",
        "/modules/",
        f"/{PLAIN}",
        f"{PLAIN}/",
        f"{PLAIN}http://operator",
        f"{PLAIN}?",
        f"{PLAIN}?sha256=",
        f"{PLAIN}?sha256={NEW.sha256[:-1]}",
        f"{PLAIN}?sha256={NEW.sha256}0",
        f"{PLAIN}?sha256={NEW.sha256}&",
        f"{PLAIN}?sha256={NEW.sha256}&try=",
        f"{PLAIN}?try=1&sha256={NEW.sha256}",
        f"{PLAIN}?try=one",
        f"{PLAIN}?sha256={NEW.sha256}#x",
        f"{PLAIN}?sha256={'A' * 64}",
        f"{PLAIN}?other={NEW.sha256}",
        f"/wasm/{NEW.sha256}",
        f"/wasm/{NEW.sha256}.wasm?",
        f"/wasm/{'g' * 64}.wasm",
        f"/wasm/../wasm/{NEW.sha256}.wasm",
        "/wasm/../../../../etc/passwd",
        "/wasm/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/kuadrant-wasm-shim%00",
        "/kuadrant%2dwasm-shim",
        "http://operator:8082",
        "http://operator:8082http://operator/kuadrant-wasm-shim",
    ],
)
def test_anything_else_is_not_found(target: str) -> None:
    assert ask(f"GET {target} HTTP/1.1") == NOT_FOUND


@pytest.mark.row(166)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_module_can_only_be_read(method: str) -> None:
    assert ask(f"{method} {PLAIN} HTTP/1.1") == told(
        "405 Method Not Allowed", "a module can only be read", "Allow: GET, HEAD", "Cache-Control: no-store"
    )


def test_no_method_makes_an_address_exist() -> None:
    assert ask("POST / HTTP/1.1") == NOT_FOUND


@pytest.mark.row(167)
@pytest.mark.parametrize("target", [PLAIN, PINNED, "/", f"/wasm/{ABSENT}.wasm"])
def test_head_gives_the_head_that_get_gives(target: str) -> None:
    head, end, _ = ask(f"GET {target} HTTP/1.1").partition("\r\n\r\n")
    assert ask(f"HEAD {target} HTTP/1.1") == head + end


# Conditions (RFC 9110, section 13).


@pytest.mark.row(167)
@pytest.mark.parametrize(
    ("field", "answer"),
    [
        (f'If-None-Match: "{NEW.sha256}"', NOT_MODIFIED),
        (f'If-None-Match: W/"{NEW.sha256}"', NOT_MODIFIED),
        (f'If-None-Match: "a,b", "{NEW.sha256}"', NOT_MODIFIED),
        (f'If-None-Match: "a"\r\nIf-None-Match: "{NEW.sha256}"', NOT_MODIFIED),
        ("If-None-Match: *", NOT_MODIFIED),
        (f'If-None-Match: "{OLD.sha256}"', whole()),
        (f"If-None-Match: {NEW.sha256}", whole()),
        (f'If-None-Match: "x{NEW.sha256}"', whole()),
        ("If-None-Match: ", whole()),
        ("If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT", whole()),
        (f'If-Match: "{NEW.sha256}"', whole()),
        (f'If-Match: "a", "{NEW.sha256}"', whole()),
        ("If-Match: *", whole()),
        (f'If-Match: W/"{NEW.sha256}"', CHANGED),
        (f'If-Match: "{OLD.sha256}"', CHANGED),
        (f'If-Match: "{OLD.sha256}"\r\nIf-None-Match: "{NEW.sha256}"', CHANGED),
    ],
)
def test_a_condition_on_the_entity_tag_is_kept(field: str, answer: str) -> None:
    assert ask(f"GET {PLAIN} HTTP/1.1", field) == answer


def test_a_condition_holds_for_head_too() -> None:
    assert ask(f"HEAD {PLAIN} HTTP/1.1", "If-None-Match: *") == NOT_MODIFIED


# Ranges (RFC 9110, section 14).


def part(first: int, last: int) -> str:
    return (
        f"HTTP/1.1 206 Partial Content\r\n{validators()}Content-Range: bytes {first}-{last}/10\r\n"
        "Content-Type: application/wasm\r\nContent-Length: "
        f"{last + 1 - first}\r\n{DATE}{'0123456789'[first : last + 1]}"
    )


BEYOND = told(
    f"416 {HTTPStatus(416).phrase}", "there are 10 bytes", f"{validators()}Content-Range: bytes */10"
)


@pytest.mark.row(167)
@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("bytes=0-0", part(0, 0)),
        ("bytes=2-4", part(2, 4)),
        ("bytes=0-9", part(0, 9)),
        ("bytes=7-", part(7, 9)),
        ("bytes=7-99", part(7, 9)),
        ("bytes=9-" + "9" * 5000, part(9, 9)),
        ("bytes=-3", part(7, 9)),
        ("bytes=-99", part(0, 9)),
        ("BYTES=1-1", part(1, 1)),
        ("bytes=" + "0" * 5000 + "3-3", part(3, 3)),
        ("bytes=10-", BEYOND),
        ("bytes=10-11", BEYOND),
        ("bytes=-0", BEYOND),
        ("bytes=" + "9" * 5000 + "-", BEYOND),
        ("bytes=4-2", whole()),
        ("bytes=0-1,3-4", whole()),
        ("bytes=", whole()),
        ("bytes=-", whole()),
        ("bytes=a-b", whole()),
        ("bytes=٣-".encode().decode("latin-1"), whole()),
        ("bytes 0-1", whole()),
        ("items=0-1", whole()),
    ],
)
def test_one_range_is_given_and_what_is_not_one_is_ignored(asked: str, answer: str) -> None:
    assert ask(f"GET {PLAIN} HTTP/1.1", f"Range: {asked}") == answer


def test_a_range_of_a_head_request_is_ignored() -> None:
    assert ask(f"HEAD {PLAIN} HTTP/1.1", "Range: bytes=0-1") == whole().removesuffix("0123456789")


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        (f'If-Range: "{NEW.sha256}"', part(0, 1)),
        (f'If-Range: "{OLD.sha256}"', whole()),
        (f'If-Range: W/"{NEW.sha256}"', whole()),
        ("If-Range: Thu, 01 Jan 2099 00:00:00 GMT", whole()),
        (f'If-None-Match: "{NEW.sha256}"', NOT_MODIFIED),
        (f'If-Match: "{OLD.sha256}"', CHANGED),
    ],
)
def test_conditions_come_before_the_range(field: str, answer: str) -> None:
    assert ask(f"GET {PLAIN} HTTP/1.1", "Range: bytes=0-1", field) == answer


# Connections (RFC 9112).


@pytest.mark.parametrize(
    ("request_head", "connection", "over"),
    [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", False),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "", False),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "Connection: close\r\n", True),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: te, Close\r\n\r\n", "Connection: close\r\n", True),
        ("GET / HTTP/1.0\r\n\r\n", "Connection: close\r\n", True),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n", False),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
            "",
            False,
        ),
        ("CONNECT operator:8082 HTTP/1.1\r\nHost: a\r\n\r\n", "", False),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "", False),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "Connection: close\r\n", True),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n", "Connection: close\r\n", True),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
            "Connection: close\r\n",
            True,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            "Connection: close\r\n",
            True,
        ),
    ],
)
def test_the_connection_stays_unless_it_must_not_or_a_body_follows(
    request_head: str, connection: str, over: bool
) -> None:
    answer = NOT_FOUND.replace("Date:", f"{connection}Date:").encode()
    assert converse([request_head.encode()]) == (answer, over)


def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    get = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"
    targets = [PLAIN, "/", f"/wasm/{OLD.sha256}.wasm", PLAIN, PLAIN]
    answers = whole() + NOT_FOUND + whole(OLD, FOR_EVER) + whole() + whole()
    assert converse([b"".join(get % target.encode() for target in targets)]) == (answers.encode(), False)


def test_nothing_is_read_after_a_request_that_ends_the_connection() -> None:
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert converse([last * 2, last]) == converse([last])


def test_a_body_is_never_taken_for_a_request() -> None:
    smuggled = b"GET /kuadrant-wasm-shim HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
    assert converse([head + smuggled]) == converse([head])


def test_empty_lines_before_a_request_are_skipped() -> None:
    request = f"GET {PLAIN} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    assert converse([b"\r\n\r\n" + request + b"\r\n" + request]) == (whole().encode() * 2, False)


NO_REQUEST = "this is not an HTTP/1.1 request: "


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS ClientHello
            refused("400 Bad Request", f"{NO_REQUEST}Invalid method encountered"),
        ),
        (b"hello\r\n\r\n", refused("400 Bad Request", f"{NO_REQUEST}Invalid method encountered")),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            refused("400 Bad Request", f"{NO_REQUEST}Transfer-Encoding can't be present with Content-Length"),
        ),
        (b"GET / HTTP/1.1\r\n\r\n", refused("400 Bad Request", "a request must have one Host field")),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
            refused("400 Bad Request", "a request must have one Host field"),
        ),
        (
            b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            refused("400 Bad Request", "a request must have one Host field"),
        ),
        (
            b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            refused("505 HTTP Version Not Supported", "only HTTP/1.0 and HTTP/1.1 are spoken here"),
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * HEAD_MAX,
            refused(
                "431 Request Header Fields Too Large",
                f"the request line and header fields are longer than {HEAD_MAX} bytes",
            ),
        ),
        (
            b"GET /" + b"x" * HEAD_MAX,
            refused(
                "431 Request Header Fields Too Large",
                f"the request line and header fields are longer than {HEAD_MAX} bytes",
            ),
        ),
    ],
)
def test_what_cannot_be_read_is_refused_and_ends_the_connection(data: bytes, answer: bytes) -> None:
    assert converse([data]) == (answer, True)


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "GET /wasm/٣ HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET / HTTPS/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_a_malformed_request_is_a_bad_request(data: bytes) -> None:
    answered, over = converse([data])
    assert answered.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert over


def test_the_longest_head_that_is_read_is_answered() -> None:
    start = f"GET {PLAIN} HTTP/1.1\r\nHost: a\r\nX: ".encode()
    head = start + b"x" * (HEAD_MAX - len(start) - 4) + b"\r\n\r\n"
    assert converse([head]) == (whole().encode(), False)
    assert converse([head.replace(b"x\r\n", b"xx\r\n")])[0].startswith(b"HTTP/1.1 431 ")


def test_a_request_that_does_not_arrive_in_time_is_told_so_unless_nothing_of_it_came() -> None:
    silent, slow = Conversation(), Conversation()
    slow.receive(b"GET / HT")
    assert slow.next_response(SHELF) is None
    answer = slow.time_out()
    assert answer is not None
    assert answer.head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert silent.time_out() is None
    assert slow.over
    assert silent.over


# Answers and shelves.


def test_an_answer_that_was_given_before_is_given_again() -> None:
    shelf = Shelf([NEW])
    head = f"GET {PLAIN} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    first, again = Conversation(), Conversation()
    first.receive(head)
    again.receive(head)
    assert first.next_response(shelf) is again.next_response(shelf)


def test_what_is_remembered_is_bounded() -> None:
    shelf = Shelf([NEW])
    converse((f"GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for number in range(1000)), shelf)
    converse([b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2000 + b"\r\n\r\n"], shelf)
    assert 0 < len(shelf._remembered) <= 64
    assert max(map(len, shelf._remembered)) < 100


def test_requests_after_a_replacement_get_the_new_modules() -> None:
    conversation = Conversation()
    head = f"GET {PLAIN} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    conversation.receive(head * 2)
    answers = [conversation.next_response(Shelf([module])) for module in (OLD, NEW)]
    assert [answer and answer.sha256 for answer in answers] == [OLD.sha256, NEW.sha256]


def test_the_body_of_an_answer_is_the_memory_of_the_module() -> None:
    conversation = Conversation()
    conversation.receive(f"GET {PLAIN} HTTP/1.1\r\nHost: a\r\nRange: bytes=1-\r\n\r\n".encode())
    response = conversation.next_response(SHELF)
    assert response is not None
    assert response.body.obj is NEW.data


def test_a_shelf_needs_a_module() -> None:
    with pytest.raises(ValueError, match="at least one module"):
        Shelf([])


# Any bytes in any pieces.

LINES = st.sampled_from(
    [
        f"GET {PLAIN} HTTP/1.1\r\n",
        f"HEAD {PINNED} HTTP/1.1\r\n",
        "POST / HTTP/1.0\r\n",
        "Host: a\r\n",
        "Connection: close\r\n",
        "Connection: keep-alive\r\n",
        "Connection: upgrade\r\nUpgrade: x\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Range: bytes=1-2\r\n",
        f'If-None-Match: "{NEW.sha256}"\r\n',
        " folded\r\n",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "X: " + "x" * (HEAD_MAX // 3) + "\r\n",
    ]
)
TRAFFIC = st.lists(LINES.map(str.encode) | st.binary(max_size=8), max_size=14).map(b"".join)


@given(TRAFFIC, st.lists(st.integers(0, 2000), max_size=20))
@example(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3, [27, 28, 29, 30])
def test_how_bytes_are_cut_into_pieces_never_changes_the_answers(data: bytes, cuts: list[int]) -> None:
    ends = sorted({*(cut % (len(data) + 1) for cut in cuts), len(data)})
    pieces = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert converse(pieces, Shelf([NEW])) == converse([data], Shelf([NEW]))


@given(TRAFFIC)
def test_bytes_that_come_one_by_one_get_the_same_answers(data: bytes) -> None:
    data = data[:400]
    assert converse(data[at : at + 1] for at in range(len(data))) == converse([data])


@given(st.binary(max_size=100))
def test_any_bytes_are_answered_or_awaited(data: bytes) -> None:
    answered, over = converse([data])
    assert over == (b"Connection: close" in answered)
