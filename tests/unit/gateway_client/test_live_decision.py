"""A gateway that is asked what it decides is sent what curl sends, and tells it with what was asked."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from kuadrant.cli.curl_words import CurlWords
from kuadrant.cli.more_curl_words import MoreCurlWords
from kuadrant.explanation import ClientRequest
from kuadrant.gateway_client.live_decision import ASKED, ask
from kuadrant.gateway_client.real_time_run import GatewayAwayError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = ec.generate_private_key(ec.SECP256R1())
LIMITED = base64.b64encode(b'{"verdict": "limited", "limit": "limit.l__0a1b2c3d", "policies": ["default/p"]}')
NOW = 1_700_000_000.0


@dataclass
class Gateway:
    """Keeps the heads and bodies that it is sent; each answer has the same decision."""

    url: str = ""
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(int(lengths[0])) if lengths else b"")
        writer.write(
            b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\ncontent-length: 0\r\n"
            b"x-kuadrant-decision: " + LIMITED + b"\r\n\r\n"
        )
        writer.close()

    def sent(self) -> tuple[bytes, frozenset[bytes], bytes]:
        """The last request: its first line, its headers but those that a client names itself by, its body."""
        first, *lines = self.heads.pop().strip().split(b"\r\n")
        named = {
            name.lower() + b": " + value.strip() for name, _, value in (x.partition(b":") for x in lines)
        }
        own = (b"user-agent:", b"accept:", ASKED.encode(), b"connection:")
        return first, frozenset(line for line in named if not line.startswith(own)), self.bodies.pop()


def _more(data: tuple[str, ...] = (), header: tuple[str, ...] = (), **more: Any) -> CurlWords:
    return CurlWords(data=data, header=header, more=MoreCurlWords(**more))


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    served = Gateway()
    listener = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/toys?a=1"
    with contextlib.closing(listener):
        yield served


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize(
    ("words", "curl"),
    [
        (CurlWords(), ()),
        (CurlWords(request="post"), ("-X", "post")),
        (CurlWords(request="POST"), ("-X", "POST")),
        (CurlWords(request="Frob-1"), ("-X", "Frob-1")),
        (CurlWords(data=("é",), request="PUT"), ("-d", "é", "-X", "PUT")),
        (CurlWords(data=("",)), ("-d", "")),
        (CurlWords(header=("Content-Length: 0",), request="POST"), ("-H", "Content-Length: 0", "-X", "POST")),
        (CurlWords(header=("Host: a.x",)), ("-H", "Host: a.x")),
        (_more(get=True, data=("a=1", "b=2")), ("-G", "-d", "a=1", "-d", "b=2")),
        (_more(get=True, head=True, data=("a=1",)), ("-G", "-I", "-d", "a=1")),
        (_more(head=True), ("-I",)),
        (_more(json=('{"a"', ":1}")), ("--json", '{"a"', "--json", ":1}")),
        (_more(data_raw=("@a",)), ("--data-raw", "@a")),
        (_more(data_binary=(f"@{__file__}",)), ("--data-binary", f"@{__file__}")),
        (_more(data_binary=("a\nb",), data=("c",)), ("-d", "c", "--data-binary", "a\nb")),
        (_more(user="me:s3:cr3t"), ("-u", "me:s3:cr3t")),
        (_more(user="me:s3cr3t", header=("Authorization: Bearer a",)), ("-H", "Authorization: Bearer a")),
        (_more(silent=True, include=True, insecure=True, location=True), ("-s", "-i", "-k", "-L")),
        (CurlWords(header=("x-name: Zoë", "x-none;")), ("-H", "x-name: Zoë", "-H", "x-none;")),
    ],
)
async def test_a_gateway_is_sent_what_curl_sends(
    gateway: Gateway, words: CurlWords, curl: tuple[str, ...]
) -> None:
    process = await asyncio.create_subprocess_exec("curl", "-qsS", *curl, gateway.url)
    assert await process.wait() == 0
    by_curl = gateway.sent()
    await ask(words.of(gateway.url)[0], KEY, NOW)
    assert gateway.sent() == by_curl


async def test_a_password_in_the_url_is_sent_unless_there_is_another(gateway: Gateway) -> None:
    url = gateway.url.replace("http://", "http://me:s%20t@")
    await ask(ClientRequest(url=url), KEY, NOW)
    assert b"authorization: Basic " + base64.b64encode(b"me:s t") in gateway.sent()[1]
    await ask(ClientRequest(url=url, headers=(("Authorization", "Bearer a"),)), KEY, NOW)
    assert {line for line in gateway.sent()[1] if line.startswith(b"authorization")} == {
        b"authorization: Bearer a"
    }


async def test_a_decision_is_told_with_what_was_asked(gateway: Gateway) -> None:
    asked = ClientRequest(url=gateway.url, method="POST", headers=(("host", "a.x:8000"),))
    told = await ask(asked, KEY, NOW)
    assert told.decision is not None
    assert (told.status, told.decision.verdict, told.decision.policies) == (429, "limited", ("default/p",))
    assert (told.decision.time, told.decision.method) == (NOW, "POST")
    assert (told.decision.host, told.decision.path) == ("a.x:8000", "/toys")


async def test_no_password_is_told_where_nobody_answers() -> None:
    with pytest.raises(GatewayAwayError) as away:
        await ask(ClientRequest(url="http://me:s3cr3t@127.0.0.1:9/"), KEY, NOW)
    assert "s3cr3t" not in str(away.value)
