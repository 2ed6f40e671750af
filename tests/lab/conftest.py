"""A lab for the whole run, and what a person does with it."""

import os
import subprocess
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


@dataclass(frozen=True)
class Lab:
    """A lab of a name of its own, used by the commands that the documentation gives."""

    name: str
    gateway: str = "istio"

    @property
    def box(self) -> Box:
        return Box(self.name)

    def make(self, target: str) -> None:
        settings = (f"LAB={self.name}", "CLUSTER=lab", f"GATEWAY={self.gateway}")
        subprocess.run(["make", "--no-print-directory", target, *settings], cwd=ROOT, check=True)

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

    On a machine that cannot hold one its tests fail.

    USE_LAB names one that runs already and is left running.
    """
    if running := os.environ.get("USE_LAB"):
        yield Lab(running)
        return
    if lack := machine.lacking():
        pytest.fail(lack, pytrace=False)
    made = Lab(f"test-{os.getpid()}", "both")
    try:
        made.make("local-setup")
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
