"""Images are pulled by tools that are not ours, and clear text is told from TLS."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import socket
import ssl
import tarfile
from typing import TYPE_CHECKING

import pytest

from kuadrant.wasm import embedded, oci
from kuadrant.wasm.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kuadrant.wasm import Module
    from kuadrant.wasm.server import ModuleServer


@pytest.fixture
async def server() -> AsyncIterator[ModuleServer]:
    async with serve(embedded(), "127.0.0.1") as one:
        yield one


async def skopeo(*arguments: str | Path) -> str:
    process = await asyncio.create_subprocess_exec(
        "skopeo", *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


def plugin(folder: Path) -> bytes:
    """The module in an image that was copied to a folder in skopeo's layout."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    layer = folder / manifest["layers"][0]["digest"].removeprefix("sha256:")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.read_bytes()))) as archive:
        file = archive.extractfile("plugin.wasm")
        assert file is not None
        return file.read()


@pytest.mark.parametrize("module", embedded(), ids=lambda module: module.version)
async def test_skopeo_copies_by_tag_and_by_digest(
    server: ModuleServer, tmp_path: Path, module: Module
) -> None:
    repository = f"docker://127.0.0.1:{server.port}/kuadrant-wasm-shim"
    digest = oci.image(module).manifest.sha256

    for name, source in (("tag", f":{module.version}"), ("digest", f"@sha256:{digest}")):
        await skopeo("copy", "--src-tls-verify=false", f"{repository}{source}", f"dir:{tmp_path / name}")
        assert plugin(tmp_path / name) == module.data


async def test_skopeo_describes_it_with_the_same_digest(server: ModuleServer) -> None:
    image = f"docker://127.0.0.1:{server.port}/kuadrant-wasm-shim:latest"

    described = json.loads(await skopeo("inspect", "--tls-verify=false", image))

    assert described["Digest"] == f"sha256:{oci.image(embedded()[0]).manifest.sha256}"
    assert set(described["RepoTags"]) == {"latest", *(module.version for module in embedded())}


async def test_a_tls_client_is_told_at_once_that_this_is_http(server: ModuleServer) -> None:
    """Go's client falls back to clear text when what comes in place of TLS begins with HTTP/."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="operator.svc.cluster.local").do_handshake()
    hello = outgoing.read()
    assert hello[0] == 0x16
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", server.port))
        await loop.sock_sendall(client, hello)
        async with asyncio.timeout(1):
            answer = await loop.sock_recv(client, 64)
    assert answer.startswith(b"HTTP/1.1 400 ")
