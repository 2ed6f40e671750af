"""Without its module the operator does not start.

It says why, is never ready, and has asked nothing of the cluster.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest
import yaml

from kuadrant import log
from kuadrant.operator.run import run
from kuadrant.settings import OperatorSettings
from kuadrant.wasm import embedded, lock
from kuadrant.wasm.module_statement import signed_statement, statement_name
from tests.ports import free_port
from tests.signed_releases import ED25519, public_pem, signer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@pytest.fixture
async def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[bytes]]:
    """What the API server of the current kubeconfig is asked; it gives no answer."""
    requests: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        kubeconfig = {
            "current-context": "one",
            "clusters": [{"name": "one", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "one", "user": {"token": "any"}}],
            "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield requests


def _module(folder: Path) -> Path:
    """A module in ``folder``, with its lock file; returns its own file."""
    (own, *_) = embedded()
    entry = lock.LockedModule(
        name="kuadrant-wasm-shim",
        version="v1",
        file="module",
        sha256=own.sha256,
        size=len(own.data),
        dialects=own.dialects,
        source="",
    )
    (folder / lock.NAME).write_text(lock.text([entry]))
    (folder / entry.file).write_bytes(own.data)
    return folder / entry.file


def _gone(file: Path) -> None:
    file.unlink()


def _unreadable(file: Path) -> None:
    # Also to root, whom no permission keeps from reading.
    file.unlink()
    file.mkdir()


def _cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.row(163)
@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (_gone, "which is not there"),
        (_unreadable, "is a folder"),
        (_cut_short, "it has 1000 bytes"),
        (_empty, "it has 0 bytes"),
    ],
)
async def test_a_module_that_is_not_what_it_should_be_keeps_the_operator_from_starting(
    tmp_path: Path,
    asked: list[bytes],
    capsys: pytest.CaptureFixture[str],
    harm: Callable[[Path], None],
    reason: str,
) -> None:
    log.configure("info", "production")
    folder = tmp_path / "modules"
    folder.mkdir()
    harm(_module(folder))

    code = await run(OperatorSettings(namespace="kuadrant-system", modules=folder))

    assert code == 1
    assert asked == []
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot start" in line
    assert reason in line


async def _get(port: int, path: str) -> tuple[int, str]:
    """The status and the body of an answer; 0 where nobody listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return 0, ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode("latin-1")
    writer.close()
    return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]


async def _until(port: int, path: str, status: int) -> str:
    """What is answered once it is with ``status``."""
    async with asyncio.timeout(60):
        while (answer := await _get(port, path))[0] != status:  # noqa: ASYNC110 - another process's port
            await asyncio.sleep(0.05)
    return answer[1]


@pytest.mark.slow
@pytest.mark.usefixtures("asked")
async def test_where_nobody_who_is_trusted_has_signed_a_module_none_is_served_until_somebody_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("info", "production")
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust" / "ours.pub").write_bytes(public_pem(ED25519))
    modules, push, probes = (free_port() for _ in range(3))
    settings = OperatorSettings(
        namespace="kuadrant-system",
        trusted_keys=tmp_path / "trust",
        wasm_port=modules,
        push_port=push,
        probes_port=probes,
        metrics_port=0,
    )
    running = asyncio.create_task(run(settings))
    assert "is not served: nobody has signed it" in await _until(probes, "/readyz", 503)
    assert [await _get(port, "/kuadrant-wasm-shim") for port in (modules, push)] == [(0, "")] * 2

    for module in embedded():
        statement = signed_statement(module, signer())
        (tmp_path / "trust" / statement_name(module)).write_bytes(statement)
    async with asyncio.timeout(60):
        assert await running == 1
    assert "there is a module that is trusted now" in capsys.readouterr().err

    running = asyncio.create_task(run(settings))
    await _until(modules, "/kuadrant-wasm-shim", 200)
    signal.raise_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        assert await running == 0
