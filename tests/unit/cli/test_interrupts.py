"""Ctrl-C ends a command that goes on with its last words, and the exit code that its help promises."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from kuadrant.api.decision_page import DecisionPage, ReportedDecision
from kuadrant.status import Report
from tests.unit.kube.http_server import Request, Response, serve
from tests.unit.ratelimit_follower.kubeconfig import kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DecisionPage(decisions=(ReportedDecision(verdict="allowed", path="/a"),), next=1)


async def api(request: Request, response: Response) -> None:
    """One pod of each kind, which says always the same."""
    if "/proxy" in request.path:
        found = Report(leads=True) if "/report" in request.path else PAGE
        await response.json(200, msgspec.json.encode(found))
        return
    pod = {"metadata": {"namespace": "ns", "name": "one", "uid": "u"}, "status": {"phase": "Running"}}
    await response.json(200, {"items": [pod]})


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "words", [("status", "--watch"), ("tap", "--cluster"), ("tap", "--cluster", "-o", "json")], ids=" ".join
)
async def test_it_ends_in_order(words: tuple[str, ...], number: signal.Signals, tmp_path: Path) -> None:
    async with serve(api) as url:
        config = kubeconfig(tmp_path / "config", url)
        command = (sys.executable, "-m", "kuadrant", *words, "--namespace", "ns", "--kubeconfig", str(config))
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        first = await asyncio.wait_for(process.stdout.readline(), 30)
        process.send_signal(number)
        out, err = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 0, err.decode()
    assert b"Traceback" not in err
    assert first
    last = out.decode().splitlines()[-1:]
    if words[0] == "tap":
        assert "json" in words or "1 decision" in last[0] or "decisions in" in last[0]
        assert "json" not in words or json.loads(last[0])["summary"]["verdicts"]["allowed"] >= 1
