"""What is printed where not every character can be, and what programs read then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[3] / "examples" / "toystore-v1"
TOYS = "http://api.toystore.com/toys"


def _printed(*words: str | bytes, encoding: str = "ascii") -> bytes:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "kuadrant", *words]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60)
    assert b"Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_person_reads_an_escape_for_what_a_terminal_has_not(encoding: str) -> None:
    words = ("explain", str(EXAMPLE), TOYS, "-H", "x-a: \u4e2d", "-v", "--show-values")
    assert b"x-a: \\u4e2d" in _printed(*words, encoding=encoding)


def test_programs_read_utf8_whatever_a_terminal_has() -> None:
    words = ("explain", str(EXAMPLE), TOYS, "--show-values", "-o", "json", "-H", "x-a: \xfc")
    assert ["x-a", "\xfc"] in json.loads(_printed(*words).decode())["request"]["headers"]


def test_programs_read_utf8_also_of_bytes_that_are_none() -> None:
    words = ("explain", str(EXAMPLE), TOYS, "--show-values", "-o", "json", "-H", b"x-a: \xff")
    printed = _printed(*words, encoding="utf-8").decode()
    assert ["x-a", "\ufffd"] in json.loads(printed)["request"]["headers"]


@pytest.mark.parametrize("output", ["json", "sarif"])
def test_findings_are_utf8_for_programs(tmp_path: Path, output: str) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: kuadrant.io/v1\nkind: Ü\nmetadata: {name: a}\n")
    assert "Ü" in str(json.loads(_printed("check", str(tmp_path), "-o", output).decode()))


@pytest.mark.parametrize("output", ["json", "junit"])
def test_results_of_tests_are_utf8_for_programs(tmp_path: Path, output: str) -> None:
    (tmp_path / "a.kuadrant-test.yaml").write_text("tests: [{name: ü, steps: []}]\n")
    printed = _printed("test", str(tmp_path), "-o", output)
    assert "ü" in printed.decode()
    if output == "json":
        json.loads(printed)
    else:
        ET.fromstring(printed)
