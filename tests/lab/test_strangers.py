"""Who is no gateway asks the rate limit service in vain, and gateways notice nothing of it."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import ROOT
from tests.lab.replicas import NAMESPACE
from tests.lab.supplied import calls, supplied
from tests.lab.traffic import traffic
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, POLICY, STRICT, wait
from tests.modules import Modules

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.conftest import Lab
    from tests.lab.walk import Walk

SECRET = ("secret", "kuadrant-ratelimit-key", f"--namespace={NAMESPACE}")
LIMITADOR = ("kubectl", "get", "limitador", "limitador", f"--namespace={NAMESPACE}")
WAYS = [
    pytest.param((provided, way), id=f"{provided.gateway} {way}")
    for provided in (ISTIO, ENVOY_GATEWAY)
    for way in ("pull", "push")
]
LONG_SECONDS = 150
"""Until gateways of tests before this one are known to have what they are to show."""


def page(lab: Lab) -> str:
    """What the rate limit service counts."""
    pods = ("kubectl", "get", "pods", "-n", NAMESPACE, "-l", "app=kuadrant,control-plane=ratelimit")
    found = lab.run(*pods, "-o", "jsonpath={.items[?(@.status.phase=='Running')].status.podIP}").split()
    # Two while one takes the other's place.
    return "".join(
        lab.run("curl", "--silent", f"http://{one}:8080/metrics") for one in found[:1] if len(found) == 1
    )


def serves_gateways_alone(lab: Lab) -> bool:
    return "kuadrant_ratelimit_gateways_only 1.0" in page(lab)


def ask(lab: Lab, hits: int = 998, times: int = 20) -> dict[str, int]:
    """Ask for the toystore's limit as somebody without a token."""
    found = json.loads(lab.run(*LIMITADOR, "-o", "jsonpath={.spec.limits}"))
    (limit,) = (one for one in found if one["namespace"] == "default/toystore")
    key = re.findall(r"limit\.[^\"]*__[0-9a-f]{8}", limit["conditions"][0])[0]
    address = f"limitador-limitador.{NAMESPACE}.svc.cluster.local:8081"
    words = (str(ROOT / "tests/lab/stranger.py"), address, limit["namespace"], key, str(hits), str(times))
    answers: dict[str, int] = json.loads(lab.run(sys.executable, *words))
    return answers


def keys(lab: Lab) -> dict[str, str]:
    found: dict[str, str] = json.loads(lab.run("kubectl", "get", *SECRET, "-o", "jsonpath={.data}"))
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("walk", WAYS, indirect=True)
def test_a_stranger_uses_up_nobody_s_limit(walk: Walk) -> None:
    walk.apply(STRICT)
    wait(lambda: walk.enforced() == "True")
    began = time.monotonic()
    wait(lambda: serves_gateways_alone(walk.lab), LONG_SECONDS)
    sys.stdout.write(f"gateways alone after {time.monotonic() - began:.1f} s\n")

    assert ask(walk.lab) == {"UNAUTHENTICATED": 20}
    assert walk.statuses(3, "-X", "POST") == ["200", "429", "429"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("walk", WAYS[::3], indirect=True)
def test_another_key_is_made_under_load_and_nobody_notices(walk: Walk) -> None:
    # Nobody is denied: of whom gateways deny by themselves the service hears later.
    walk.apply(POLICY.replace("limit: 5", "limit: 1000000"))
    wait(lambda: walk.enforced() == "True")
    wait(lambda: serves_gateways_alone(walk.lab), LONG_SECONDS)
    former, before = keys(walk.lab), calls(walk.lab)
    with traffic(walk, "POST", rate=50, connections=4) as seen:
        walk.lab.run("kubectl", "delete", *SECRET)
        wait(lambda: keys(walk.lab).get("previous") == former["current"])
        # As soon as every gateway has a token of the new one.
        wait(lambda: "previous" not in keys(walk.lab), LONG_SECONDS)
        wait(lambda: serves_gateways_alone(walk.lab))
    assert set(seen.statuses()) == {"200"}
    assert calls(walk.lab) - before == seen.statuses().total()
    assert keys(walk.lab)["current"] != former["current"]
    assert ask(walk.lab) == {"UNAUTHENTICATED": 20}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_module_that_knows_no_tokens_is_served_and_so_is_everybody(walk: Walk, tmp_path: Path) -> None:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    wait(lambda: serves_gateways_alone(walk.lab), LONG_SECONDS)
    modules = Modules(tmp_path / "modules", dialect="kuadrant-v2")
    with traffic(walk, "POST", rate=50, connections=4) as seen:
        with supplied(walk.lab, modules):
            wait(lambda: not serves_gateways_alone(walk.lab), LONG_SECONDS)
            assert ask(walk.lab, hits=1, times=1) == {"answered": 1}
        wait(lambda: serves_gateways_alone(walk.lab), LONG_SECONDS)
    assert set(seen.statuses()) == {"200", "429"}
