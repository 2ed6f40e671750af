"""The chart as Helm's own engine takes it: values are held to their schema, and templates are filled."""

from __future__ import annotations

import subprocess
from typing import Any

import yaml

from lab import programs
from scripts.generate_chart import CHART
from scripts.installation import NAMESPACE


def _helm(values: Any, namespace: str) -> subprocess.CompletedProcess[str]:
    given = values if isinstance(values, str) else yaml.safe_dump(values)
    command = [str(programs.path_of("helm-template")), str(CHART), namespace, given]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rendered(values: Any = "", namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    """The objects that the chart gives with these values, which may be YAML; not its hooks."""
    return [one for one in _documents(values, namespace) if not _is_hook(one)]


def _documents(values: Any, namespace: str) -> list[dict[str, Any]]:
    done = _helm(values, namespace)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def notes(values: Any = "", namespace: str = NAMESPACE) -> str:
    """What Helm prints after it has installed the chart with these values."""
    done = _helm(values, namespace)
    assert done.returncode == 0, done.stderr
    return done.stderr


def refusal(values: Any) -> str:
    """What Helm says of values that it does not take."""
    done = _helm(values, NAMESPACE)
    assert done.returncode != 0, f"it takes {values}"
    return done.stderr


def hooks(values: Any = "", namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    """The objects that are there only while something of the release runs."""
    return [one for one in _documents(values, namespace) if _is_hook(one)]


def _is_hook(document: dict[str, Any]) -> bool:
    return "helm.sh/hook" in document["metadata"].get("annotations", {})


def named(documents: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects by kind and name."""
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in documents}
    assert len(by_name) == len(documents)
    return by_name
