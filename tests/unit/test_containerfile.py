"""The image stands on a base that whoever builds it has named by its digest."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "Containerfile").read_text()
DIGEST = "0123456789abcdef" * 4


def test_every_stage_stands_on_that_base_which_has_no_default() -> None:
    assert re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE) == ["${BASE}", "${BASE}"]
    arguments = re.findall(r"^ARG (.*)", TEXT, re.MULTILINE)
    # Before the first stage, for FROM, and in each stage that uses it.
    assert sorted(arguments) == ["BASE", "BASE", "BASE", "PACKAGES=operator"]


def test_the_user_is_a_number_that_is_not_root() -> None:
    """Kubernetes cannot tell of a name whether it is root, and starts no pod of one with runAsNonRoot."""
    assert re.findall(r"^USER (.*)", TEXT, re.MULTILINE) == ["65532:65532"]


@pytest.mark.parametrize(
    ("base", "good"),
    [
        (f"python@sha256:{DIGEST}", True),
        (f"example.com:5000/python:3.13-slim@sha256:{DIGEST}", True),
        ("python:3.13-slim", False),
        ("python@sha256:", False),
        (f"python@sha256:{DIGEST[:-1]}", False),
        (f"python@sha256:{DIGEST}0", False),
        (f"python@sha512:{DIGEST}", False),
        ("", False),
    ],
)
def test_the_build_ends_at_once_where_the_base_has_no_digest(base: str, *, good: bool) -> None:
    first = re.search(r"^RUN ((?:.*\\\n)*.*)", TEXT, re.MULTILINE)
    assert first is not None
    done = subprocess.run(
        ["sh", "-c", first[1]],
        env={"PATH": "/usr/bin:/bin", "BASE": base},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == good
    assert ("names no digest" in done.stderr) == (not good)
