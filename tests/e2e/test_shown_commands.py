"""What the README, the first five minutes and the recipes show does what they say, as it stands.

Two things are otherwise: the ports are free ones, and what goes on without end is ended.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.ports import free_ports
from tests.shown_commands import ROOT, Shown, of_test

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FILE: Final = str(Path(__file__).relative_to(ROOT))
SHOWN: Final = of_test(FILE)
COPY: Final = "cp -r examples/recipes/per-address mine"
READY_SECONDS: Final = 90
ENVIRONMENT: Final = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def is_lasting(shown: Shown) -> bool:
    return shown.words[:2] in (("make", "demo"), ("kuadrant", "run"))


@contextmanager
def lasting(command: list[str], folder: Path) -> Iterator[None]:
    """Run what goes on without end, from when it is ready; it ends well when it is told to."""
    # As in a terminal: what is told to end is the command and all that it has begun.
    process = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    too_late = threading.Timer(READY_SECONDS, process.kill)
    too_late.start()
    try:
        said = [""]
        while not said[-1].startswith("Ready"):
            said.append(process.stdout.readline())
            assert said[-1], said
        too_late.cancel()
        yield
    finally:
        too_late.cancel()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
    # make has an answer of its own to that.
    assert process.returncode in ((0,) if command[0] == "kuadrant" else (0, 2, 130, -signal.SIGINT))


def with_ports(command: list[str]) -> tuple[list[str], int]:
    """Return the command with free ports, and that of its gateway."""
    ports = free_ports(5)
    if command[0] == "make":
        variables = ("PORT", "WASM_PORT", "ADMIN_PORT", "CONSOLE_PORT")
        given = [f"{name}={port}" for name, port in zip(variables, ports, strict=False)]
    else:
        names = ("--port", "--wasm-port", "--admin-port", "--console-port", "--metrics-port")
        given = [word for name, port in zip(names, ports, strict=True) for word in (name, str(port))]
    return [*command, *given], ports[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout, as far as the commands look at it, with the copy that the first page has one make."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "examples", folder / "examples")
    subprocess.run(COPY.split(), cwd=folder, check=True)
    return folder


def test_the_copy_is_what_the_first_page_has_one_make() -> None:
    assert [one.page for one in SHOWN if one.text == COPY] == ["docs/start.md"]


@pytest.mark.parametrize(
    "shown", [one for one in SHOWN if is_lasting(one)], ids=lambda one: f"{one.page}: {one.text}"
)
def test_what_goes_on_becomes_ready_and_ends_when_it_is_told(shown: Shown, folder: Path) -> None:
    command, _ = with_ports([*shown.words])
    with lasting(command, ROOT if shown.words[0] == "make" else folder):
        pass


@pytest.mark.parametrize(
    "shown",
    [one for one in SHOWN if not is_lasting(one) and one.text != COPY],
    ids=lambda one: f"{one.page}: {one.text}",
)
def test_what_ends_does_what_the_page_says(shown: Shown, folder: Path) -> None:
    place = ROOT / Path(shown.page).parent if shown.page.startswith("examples/") else folder
    if shown.text.endswith(" .") and place == folder:
        place = folder / "examples" / "recipes" / "test-in-ci"
    if "127.0.0.1:8000" in shown.text:
        # Of its own: what another command has counted would count here.
        demo, port = with_ports(["make", "demo"])
        with lasting(demo, ROOT):
            check([word.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for word in shown.words], place, shown)
    else:
        check([*shown.words], place, shown)


def check(command: list[str], place: Path, shown: Shown) -> None:
    """Run a command as often as the page says, and see that it says what the page says."""
    for expected in expected_statuses(shown):
        done = subprocess.run(
            command, cwd=place, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert expected is None or done.stdout.split()[1] == expected, done.stdout


def expected_statuses(shown: Shown) -> list[str | None]:
    """Return the status of each time that a request is to be sent: `200 five times in 10 s, then 429`."""
    if shown.words[0] != "curl":
        return [None]
    found = re.findall(r"\b[2-5]\d\d\b", shown.note)
    if found == ["200", "429"]:
        found = ["200"] * 5 + ["429"]
    return [*found] or [None]
