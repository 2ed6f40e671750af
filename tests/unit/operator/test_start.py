"""Without its module the operator does not start.

It says why, is never ready, and has asked nothing of the cluster.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import yaml

from kuadrant import log
from kuadrant.operator.run import run
from kuadrant.settings import OperatorSettings
from kuadrant.wasm import embedded, lock

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
