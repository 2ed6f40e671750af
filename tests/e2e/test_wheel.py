"""The wheel, installed as a user would install it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.standalone.conftest import Kuadrant

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def pip(python: str | Path, *arguments: str | Path) -> None:
    result = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `kuadrant` of an environment with nothing but the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("a user's folder")
    # The build writes beside the sources, so it gets a copy of what is in the source distribution.
    source = folder / "source"
    source.mkdir()
    for name in ("src", "examples"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, source)
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("kuadrant-*.whl")
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip(
        environment / "bin/python",
        "install",
        "--require-hashes",
        "--requirement",
        ROOT / "requirements/run.txt",
    )
    pip(environment / "bin/python", "install", "--no-deps", wheel)
    return environment / "bin/kuadrant"


@pytest.fixture
def toystore(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples/toystore", tmp_path / "toystore"))


@pytest.fixture
def kuadrant(command: Path, toystore: Path) -> Iterator[Kuadrant]:
    running = Kuadrant(toystore, "--echo", command=[str(command)])
    yield running
    running.close()


def test_the_installed_command_runs_the_example(kuadrant: Kuadrant) -> None:
    kuadrant.wait_ready()

    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]
    assert kuadrant.request("GET").status == 200
    assert kuadrant.request("GET", host="other.example.com").status == 404


def test_the_package_carries_its_types(command: Path) -> None:
    (marker,) = command.parents[1].glob("lib/python3*/site-packages/kuadrant/py.typed")
    assert marker.exists()
