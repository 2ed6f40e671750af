"""The module's address is proven by its bytes."""

from __future__ import annotations

import socket

from kuadrant.gateways.module import Module as Address
from kuadrant.operator.proof import prove
from kuadrant.wasm.module import Module
from kuadrant.wasm.server import serve

MODULE = Module("kuadrant-wasm-shim", b"\0asm\1\0\0\0")


async def test_the_right_bytes_are_proof() -> None:
    async with serve([MODULE], "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.port}/kuadrant-wasm-shim"

        assert await prove(Address(url=url, sha256=MODULE.sha256)) == ""
        assert await prove(Address(url=f"{url}?sha256={MODULE.sha256}", sha256=MODULE.sha256)) == ""


async def test_other_bytes_another_answer_and_none_are_not() -> None:
    other = "0" * 64
    async with serve([MODULE], "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.port}/kuadrant-wasm-shim"

        assert (
            await prove(Address(url=url, sha256=other))
            == f"{url} gives other bytes, of sha256 {MODULE.sha256}"
        )
        assert (
            await prove(Address(url=f"{url}?sha256={other}", sha256=other))
            == f"{url}?sha256={other} answers 503"
        )
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    assert (await prove(Address(url=closed, sha256=other))).startswith(f"{closed} cannot be reached: ")
