"""A lab for the whole run, and what a person does with it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import machine
from lab.box import Box
from tests.lab.envoy_gateway import patches
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, Walk, walking

ROOT = Path(__file__).parent.parent.parent
_MOST_SAID = 6000


@dataclass(frozen=True)
class Lab:
    """A lab of a name of its own, used by the commands that the documentation gives."""

    name: str
    gateway: str = "istio"

    @property
    def box(self) -> Box:
        return Box(self.name)

    @property
    def _settings(self) -> tuple[str, ...]:
        return f"LAB={self.name}", "CLUSTER=lab", f"GATEWAY={self.gateway}"

    def make(self, target: str) -> None:
        subprocess.run(["make", "--no-print-directory", target, *self._settings], cwd=ROOT, check=True)

    def set_up(self) -> str:
        """Have the cluster; return nothing, or what was said where that failed."""
        said = []
        command = ["make", "--no-print-directory", "local-setup", *self._settings]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as setting_up:
            assert setting_up.stdout is not None
            for line in setting_up.stdout:
                sys.stdout.write(line)
                sys.stdout.flush()
                said.append(line)
        return "".join(said) if setting_up.returncode else ""

    def attempt(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as it goes."""
        environment = {**os.environ, "LAB": self.name}
        return subprocess.run(
            [ROOT / "lab" / "run", *words],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=seconds,
        )

    def run(self, *words: str, seconds: float = 120) -> str:
        """Run a command inside that has to succeed, and return its output."""
        done = self.attempt(*words, seconds=seconds)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A cluster with Istio and Envoy Gateway, set up from nothing.

    On a machine that cannot hold one its tests fail. One that does not come up is gone on with once, as the
    documentation tells; if it still does not, the run ends with what was said, since no test of it can pass.

    USE_LAB names one that runs already and is left running.
    """
    if running := os.environ.get("USE_LAB"):
        yield Lab(running)
        return
    if lack := machine.lacking():
        pytest.fail(lack, pytrace=False)
    made = Lab(f"test-{os.getpid()}", "both")
    try:
        if made.set_up() and (said := made.set_up()):
            pytest.exit(f"the lab did not come up:\n{said[-_MOST_SAID:]}", returncode=1)
        yield made
    finally:
        made.make("local-cleanup")


@pytest.fixture(scope="module")
def walk(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """The toystore behind the gateway, without a policy.

    Istio's, which pulls, unless a test is told another one and its way.
    """
    provided, *way = getattr(request, "param", (ISTIO,))
    delivery = way[0] if way else "pull"
    asks_envoy_gateway = (provided, delivery) == (ENVOY_GATEWAY, "push")
    with (
        patches(lab) if asks_envoy_gateway else nullcontext(),
        walking(lab, provided, delivery=delivery) as one,
    ):
        yield one
