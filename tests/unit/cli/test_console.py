"""`kuadrant console`: what is said where no cluster can be asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_where_there_is_no_kubeconfig_it_is_said(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("console", "--kubeconfig", "/nowhere")
    assert (code, out, err.startswith("kuadrant: there is no kubeconfig at /nowhere")) == (1, "", True)


def test_where_the_api_server_is_away_it_is_said(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{free_port()}"}}],
        "users": [],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": ""}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    code, out, err = run("console", "--kubeconfig", str(tmp_path / "config"))
    assert (code, out, err.startswith("kuadrant: the API server cannot be asked: ")) == (1, "", True)
