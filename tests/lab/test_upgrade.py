"""The upgrade of the walk: another module takes the place of the one that limits, and no client notices.

It changes what is fetched in this checkout and builds an operator for it; afterwards both are as before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import threading
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from kuadrant.wasm import catalogue, lock
from tests import releases
from tests.lab.conftest import ROOT, Lab
from tests.lab.walk import POLICY, wait
from tests.stand_ins import stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.lab.walk import Walk
    from tests.releases import Releases

VERSION = "v0.4.0-alpha.4"
OPERATOR = ("kuadrant-operator-controller-manager", "-n", "kuadrant-system")


class Loop:
    """The client of the walk, faster: a POST every 0.2 s, its status on a line."""

    def __init__(self, walk: Walk) -> None:
        # The name of the gateway is looked up once: it is the gateway that must not be noticed, not the cluster's DNS.
        host = urlsplit(walk.url).hostname
        address = walk.lab.run("getent", "ahostsv4", str(host)).split()[0]
        script = (
            "while :; do curl --write-out '%{http_code}\\n' --silent --output /dev/null --max-time 30"
            f" -H 'Host: api.toystore.com' {walk.url.replace(str(host), address)} -X POST; sleep 0.2; done"
        )
        self.statuses: Counter[str] = Counter()
        self._process = subprocess.Popen(
            [ROOT / "lab" / "run", "bash", "-c", script],
            env={**os.environ, "LAB": walk.lab.name},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.statuses[line.strip()] += 1

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, 15)
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def loop(walk: Walk) -> Iterator[Loop]:
    one = Loop(walk)
    yield one
    one.stop()


def own_files() -> list[Path]:
    return [*ROOT.glob("kuadrant-wasm-shim*"), *ROOT.glob(lock.NAME)]


@pytest.fixture
def cached(lab: Lab) -> Iterator[None]:
    """A checkout with nothing fetched; what was is put back, and our own module deployed again."""
    before = {path: path.read_bytes() for path in own_files() if not path.is_symlink()}
    for path in own_files():
        path.unlink()
    (ROOT / catalogue.CHOSEN).symlink_to("src/kuadrant/wasm/modules/kuadrant-wasm-shim.wasm")
    yield
    for path in own_files():
        path.unlink()
    for path, content in before.items():
        path.write_bytes(content)
    lab.make("local-deploy")


@pytest.fixture
def github() -> Iterator[Releases]:
    with releases.serve() as one:
        one.publish(VERSION, stand_in("rate-limit-policies"))
        yield one


def on_their_own(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a person's shell has: one under make would be told which folder it enters and leaves."""
    return {name: value for name, value in environment.items() if not name.startswith("MAKE")}


def plugin(walk: Walk, field: str) -> str:
    found = walk.lab.attempt(*walk.provided.plugin, field)
    return found.stdout.strip() if found.returncode == 0 else ""


def logged(walk: Walk) -> str:
    return walk.lab.run("kubectl", "logs", f"deployment/{OPERATOR[0]}", *OPERATOR[1:])


@pytest.mark.row(79)
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("cached")
def test_the_upgrade_runs_as_people_have_written_it_down(walk: Walk, loop: Loop, github: Releases) -> None:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True", 120)
    wait(lambda: loop.statuses["429"] > 0, 30)
    loop.statuses.clear()  # before the policy everything was 200
    old = plugin(walk, walk.provided.sha256)

    subprocess.run(["rm", "kuadrant-wasm-shim"], cwd=ROOT, check=True)
    walk.lab.run("kubectl", "delete", "deployment", *OPERATOR)
    fetched = subprocess.run(
        ["make", "wasm-shim", f"WASM_SHIM_VERSION={VERSION}"],
        cwd=ROOT,
        env={**on_their_own(os.environ), "WASM_SHIM_SOURCE": github.address},
        capture_output=True,
        text=True,
        check=True,
    )
    walk.lab.make("local-deploy")

    new = hashlib.sha256((ROOT / "kuadrant-wasm-shim").read_bytes()).hexdigest()
    address = f"{github.address}{github.asset_path(VERSION)}"
    assert fetched.stdout.splitlines()[-2:] == [  # before them, what a new checkout installs
        f"Downloading wasm-shim@{VERSION} from {address}",
        f"{new}  kuadrant-wasm-shim",
    ]
    wait(lambda: plugin(walk, walk.provided.sha256) == new, 180)
    assert new != old
    assert f'wasm-shim\t{{"sha256": "{new}"}}' in logged(walk)
    url = plugin(walk, walk.provided.url)
    served = walk.lab.run("bash", "-c", f"curl --silent --fail '{url}' | sha256sum").partition(" ")[0]
    assert served == new
    wait(lambda: walk.enforced() == "True", 120)
    # The gateway limits by the new module: its old configuration would be refused by it.
    before = Counter(loop.statuses)
    wait(lambda: min((loop.statuses - before)[status] for status in ("200", "429")) > 0, 60)
    loop.stop()
    assert set(loop.statuses) == {"200", "429"}, loop.statuses
    with contextlib.suppress(subprocess.CalledProcessError):
        walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore")
