"""The upgrade of the walk: another module takes the place of the one that limits, and no client notices.

It changes what is fetched in this checkout and builds an operator for it; afterwards both are as before.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from kuadrant.wasm import catalogue, lock
from tests import releases
from tests.lab.conftest import ROOT, Lab
from tests.lab.envoy_gateway import patches
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, POLICY, SERVICE, Walk, wait, walking
from tests.stand_ins import stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.releases import Releases

GATEWAYS = {"istio": ISTIO, "envoy-gateway": ENVOY_GATEWAY}
# Where both ways are tested, the second goes on from what the first has left.
VERSIONS = {"pull": "v0.4.0-alpha.4", "push": "v0.5.0"}
# A section without a name, which changes nothing but the bytes.
SECTION = b"\0\2\1x"
OPERATOR = ("kuadrant-operator-controller-manager", "-n", "kuadrant-system")


class Loop:
    """The client of the walk, faster: a POST every 0.2 s, its status on a line."""

    def __init__(self, walk: Walk) -> None:
        # The name of the gateway is looked up once: it is the gateway that must not be noticed, not the
        # cluster's DNS.
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


def own_files() -> list[Path]:
    return [*ROOT.glob("kuadrant-wasm-shim*"), *ROOT.glob(lock.NAME)]


@pytest.fixture(scope="module")
def checkout(lab: Lab) -> Iterator[None]:
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


@pytest.fixture(scope="module")
def github() -> Iterator[Releases]:
    module = stand_in("rate-limit-policies")
    with releases.serve() as one:
        one.publish(VERSIONS["pull"], module)
        one.publish(VERSIONS["push"], module + SECTION)
        yield one


def on_their_own(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a person's shell has: one under make would be told which folder it enters and leaves."""
    return {name: value for name, value in environment.items() if not name.startswith("MAKE")}


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What was seen while another module took the place of the one that limited, behind each gateway."""

    walks: dict[str, Walk]
    loops: dict[str, Loop]
    before: dict[str, set[str]]
    sha256: str
    printed: list[str]
    address: str
    version: str


@pytest.fixture(scope="module", params=["pull", "push"])
def upgrade(lab: Lab, request: pytest.FixtureRequest, checkout: None, github: Releases) -> Iterator[Upgrade]:
    """The upgrade, on both gateways at once.

    Official modules need Envoy Gateway's EnvoyPatchPolicies in either way.
    """
    del checkout
    way: str = request.param
    with patches(lab), walking(lab, *GATEWAYS.values(), delivery=way) as one:
        walks = {name: Walk(lab, provided, way) for name, provided in GATEWAYS.items()}
        one.apply(POLICY)
        loops = {name: Loop(walk) for name, walk in walks.items()}
        try:
            yield _upgraded(walks, loops, github, VERSIONS[way])
        finally:
            for loop in loops.values():
                loop.stop()


def _upgraded(walks: dict[str, Walk], loops: dict[str, Loop], github: Releases, version: str) -> Upgrade:
    one, *_ = walks.values()
    wait(lambda: one.enforced() == "True", 120)
    wait(lambda: all(loop.statuses["429"] > 0 for loop in loops.values()), 30)
    wait(lambda: not any(set() == walk.running() for walk in walks.values()), 30)
    before = {name: walk.running() for name, walk in walks.items()}
    for loop in loops.values():
        loop.statuses.clear()  # before the policy everything was 200

    subprocess.run(["rm", "kuadrant-wasm-shim"], cwd=ROOT, check=True)
    one.lab.run("kubectl", "delete", "deployment", *OPERATOR)
    fetched = subprocess.run(
        ["make", "wasm-shim", f"WASM_SHIM_VERSION={version}"],
        cwd=ROOT,
        env={**on_their_own(os.environ), "WASM_SHIM_SOURCE": github.address},
        capture_output=True,
        text=True,
        check=True,
    )
    one.lab.make("local-deploy")

    sha256 = hashlib.sha256((ROOT / "kuadrant-wasm-shim").read_bytes()).hexdigest()
    wait(lambda: all(walk.running() == {sha256} for walk in walks.values()), 180)
    wait(lambda: one.enforced() == "True", 120)
    # The gateways limit by the new module: its old configuration would be refused by it.
    then = {name: Counter(loop.statuses) for name, loop in loops.items()}
    wait(lambda: all({"200", "429"} <= set(loop.statuses - then[name]) for name, loop in loops.items()))
    for loop in loops.values():
        loop.stop()
    return Upgrade(
        walks=walks,
        loops=loops,
        before=before,
        sha256=sha256,
        printed=fetched.stdout.splitlines(),
        address=f"{github.address}{github.asset_path(version)}",
        version=version,
    )


@pytest.mark.row(79)
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_upgrade_runs_as_people_have_written_it_down(upgrade: Upgrade, gateway: str) -> None:
    walk, loop = upgrade.walks[gateway], upgrade.loops[gateway]
    assert upgrade.printed[-2:] == [  # before them, what a new checkout installs
        f"Downloading wasm-shim@{upgrade.version} from {upgrade.address}",
        f"{upgrade.sha256}  kuadrant-wasm-shim",
    ]
    assert upgrade.before[gateway] != {upgrade.sha256}
    logs = walk.lab.run("kubectl", "logs", f"deployment/{OPERATOR[0]}", *OPERATOR[1:])
    assert f'wasm-shim\t{{"sha256": "{upgrade.sha256}"}}' in logs
    url = f"{SERVICE}/kuadrant-wasm-shim?sha256={upgrade.sha256}"
    served = walk.lab.run("bash", "-c", f"curl --silent --fail '{url}' | sha256sum").partition(" ")[0]
    assert served == upgrade.sha256
    assert set(loop.statuses) == {"200", "429"}, loop.statuses
