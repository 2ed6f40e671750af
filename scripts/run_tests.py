"""Run every check and test, one stage after the other (`make test`); the first stage that fails ends the run.

    checks    style, types, imports, bounds, whether the packaged module is what its sources give, and whether
              every known behaviour of Kuadrant has a test
    machine   tests/unit and tests/e2e: whatever needs nothing but this machine, two at a time
    cluster   tests/integration and tests/lab: an API server, a cluster with Istio and Envoy Gateway; as root,
              one after the other

With ``--fast`` only the checks that take seconds and the unit tests that are not marked slow (`make
test-fast`). With ``--long`` the tests that are marked long, and nothing else (`make test-long`); the usual
run leaves these out, so that it ends within 40 minutes on two processors. A test that is named is run,
whatever its marks.

With ``CI=true`` at most three tests that failed are run once more, alone: what starts hundreds of other
people's processes on two processors fails now and then for no reason of ours, and one run in CI decides. A
test that fails twice fails the run; one that then passes is named at the end, and is a defect to be found.

The programs of the cluster are built while the first stages run. Given words go to pytest; paths among them
choose the stages. The last thing printed is what pytest says of the last stage, or what failed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
MACHINE = ("tests/unit", "tests/e2e")
CLUSTER = ("tests/integration", "tests/lab")
FAST_CHECKS = (
    ("mypy",),
    ("ruff", "check", "--quiet", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("lint-imports", "--no-cache"),
    ("python", "scripts/bounds.py"),
    ("python-zig", "fmt", "--check", "wasm-shim/src"),
)
CHECKS = (
    *FAST_CHECKS,
    ("python", "scripts/rows.py", "--check"),
    ("python", "wasm-shim/build.py", "--check"),
)
LONG = "--long"
# More than processors: many tests wait for something. Each process takes seconds to find all tests.
FAST_TESTS = ("--numprocesses=3", "-m", "not slow", "tests/unit")
# More than these did not fail by chance.
MOST_RUN_AGAIN = 3
_TESTS_FAILED = 1
# As in pyproject.toml, but for the memory of what failed, which is turned off there.
_REMEMBERING = "-ra --import-mode=importlib"
_STARTED = time.monotonic()


def stages(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what pytest gets for this machine and for the cluster.

    Nothing for a stage that the paths among `words` leave out.
    """
    paths = [word for word in words if word.startswith("tests/")]
    options = [word for word in words if word not in paths]
    on_cluster = [path for path in paths if path.startswith(CLUSTER)]
    on_machine = [path for path in paths if path not in on_cluster]
    if not paths:
        on_machine, on_cluster = list(MACHINE), list(CLUSTER)
        options = ["-m", "long" if LONG in options else "not long", *(one for one in options if one != LONG)]
    return (
        ["--numprocesses=2", *on_machine, *options] if on_machine else [],
        ["--durations=10", *on_cluster, *options] if on_cluster else [],
    )


def fast(words: Sequence[str]) -> list[str]:
    """Return what pytest gets for the fast lane; paths among ``words`` take the place of all unit tests."""
    paths = [word for word in words if word.startswith("tests/")]
    return [*(FAST_TESTS[:-1] if paths else FAST_TESTS), *words]


def main(words: Sequence[str]) -> None:
    """Run the stages; the exit status is that of the first command that fails."""
    if words[:1] == ["--fast"]:
        _keep_bytecode()
        _say("checks, two at a time")
        _run_beside(FAST_CHECKS)
        _say("tests that are quick")
        _run("python", "-m", "pytest", *fast(words[1:]))
        return
    on_machine, on_cluster = stages(words)
    with tempfile.NamedTemporaryFile("r") as said:
        build = _build(said.name) if on_cluster else None
        try:
            _say("checks")
            for command in CHECKS:
                _run(*command)
            if on_machine:
                _say("tests on this machine")
                _run_tests(on_machine)
            if build is not None:
                _say("what the cluster is made of: since the start, beside the tests")
                while build.poll() is None:
                    print(said.read(), end="", flush=True)
                    time.sleep(0.2)
                print(said.read(), end="", flush=True)
                if build.returncode:
                    sys.exit(build.returncode)
                _say("tests on a cluster")
                _run_tests(on_cluster)
        finally:
            if build is not None and build.poll() is None:
                os.killpg(build.pid, signal.SIGTERM)  # and the compilers that it started
                build.wait()


def _build(log: str) -> subprocess.Popen[bytes]:
    with Path(log).open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "lab", "build"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _keep_bytecode() -> None:
    """Have Python keep what it compiles, but outside of the tree if the environment wants none there.

    To compile the tests anew would take each process longer than to run its part of them.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "bytecode"))


def _say(stage: str) -> None:
    seconds = round(time.monotonic() - _STARTED)
    print(f"\n==> {seconds // 60:2}:{seconds % 60:02}  {stage}", flush=True)


def _run_tests(words: Sequence[str]) -> None:
    """Run pytest; in CI what failed once more, if that is little.

    Raises:
        SystemExit: a test failed, and not only once in CI.
    """
    pytest = ("python", "-m", "pytest", *words)
    if os.environ.get("CI") != "true":
        _run(*pytest)
        return
    with tempfile.TemporaryDirectory() as memory:
        pytest += ("--override-ini", f"addopts={_REMEMBERING}", "--override-ini", f"cache_dir={memory}")
        done = subprocess.run(_program(pytest), cwd=ROOT, check=False)
        failed = failed_tests(Path(memory))
        if done.returncode != _TESTS_FAILED or not 0 < len(failed) <= MOST_RUN_AGAIN:
            if done.returncode:
                sys.exit(done.returncode)
            return
        _say(f"once more, alone: {', '.join(failed)}")
        _run(*pytest, "--last-failed")
        _say(f"failed once and passed alone, a defect to be found: {', '.join(failed)}")


def failed_tests(memory: Path) -> list[str]:
    """Return the tests that failed, by what pytest keeps in the folder ``memory`` of its cache."""
    file = memory / "v" / "cache" / "lastfailed"
    return sorted(json.loads(file.read_text())) if file.exists() else []


def _run(*command: str) -> None:
    """Run a program of the virtual environment.

    Raises:
        SystemExit: it failed, and has said why.
    """
    done = subprocess.run(_program(command), cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def _run_beside(commands: Sequence[tuple[str, ...]]) -> None:
    """Run programs of the virtual environment two at a time, and print what each says when it has ended.

    Raises:
        SystemExit: one failed; the others were run nevertheless.
    """

    def run(command: tuple[str, ...]) -> int:
        done = subprocess.run(_program(command), cwd=ROOT, check=False, capture_output=True, text=True)
        print(done.stdout + done.stderr, end="", flush=True)
        return done.returncode

    with ThreadPoolExecutor(2) as pool:
        failed = [code for code in pool.map(run, commands) if code]
    if failed:
        sys.exit(failed[0])


def _program(command: Sequence[str]) -> list[str | Path]:
    return [Path(sys.executable).parent / command[0], *command[1:]]


if __name__ == "__main__":
    main(sys.argv[1:])
