"""Commands that ask a cluster, as somebody who may do no more than the pages promise that they need."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant import __version__
from tests.lab.walk import ISTIO, POLICY, wait

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.walk import Walk

URL = "http://api.toystore.com/toys"
LISTED = {
    "gateway.networking.k8s.io": ["gatewayclasses", "gateways", "httproutes", "grpcroutes"],
    "kuadrant.io": ["kuadrants", "ratelimitpolicies"],
    "": ["namespaces"],
}
"""What explain, topology and diff read, all over the cluster."""
READER = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: KIND
metadata: {name: NAME, namespace: kuadrant-system}
rules: RULES
---
apiVersion: rbac.authorization.k8s.io/v1
kind: KINDBinding
metadata: {name: NAME, namespace: kuadrant-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: KIND, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME, namespace: default}]
"""


class Asker:
    """Somebody with a kubeconfig, and the rights of one role."""

    def __init__(self, walk: Walk, name: str, kind: str, rules: list[dict[str, list[str]]], to: Path) -> None:
        self._lab, self._name, self._kind = walk.lab, name, kind
        text = READER.replace("NAME", name).replace("KIND", kind).replace("RULES", json.dumps(rules))
        walk.apply(text)
        self._kubeconfig = to / f"{name}.yaml"
        own = json.loads(self._lab.run("kubectl", "config", "view", "--raw", "--minify", "--output", "json"))
        token = self._lab.run("kubectl", "create", "token", name, "--namespace", "default")
        own["users"] = [{"name": own["users"][0]["name"], "user": {"token": token}}]
        self._kubeconfig.write_text(json.dumps(own))

    def ask(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "kuadrant", *words, "--kubeconfig", str(self._kubeconfig))
        return self._lab.attempt(*command, seconds=seconds)

    def told(self, *words: str) -> str:
        """What a command says that has to succeed."""
        done = self.ask(*words)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def go(self) -> None:
        kinds = f"{self._kind}Binding,{self._kind}"
        self._lab.run("kubectl", "delete", kinds, self._name, "--namespace", "kuadrant-system")
        self._lab.run("kubectl", "delete", "serviceaccount", self._name, "--namespace", "default")


@pytest.fixture(scope="module")
def limited(walk: Walk) -> Walk:
    """The toystore with its policy in effect."""
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    wait(lambda: "429" in walk.statuses(7, "-X", "POST"))
    return walk


@pytest.fixture(scope="module")
def reader(limited: Walk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Somebody who may list what policies hang on, and nothing else."""
    rules = [{"apiGroups": [group], "resources": some, "verbs": ["list"]} for group, some in LISTED.items()]
    asker = Asker(limited, "asking-reader", "ClusterRole", rules, tmp_path_factory.mktemp("reader"))
    yield asker
    asker.go()


@pytest.fixture(scope="module")
def watcher(limited: Walk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Somebody who may list pods of our namespace, and ask them."""
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get"]},
    ]
    asker = Asker(limited, "asking-watcher", "Role", rules, tmp_path_factory.mktemp("watcher"))
    yield asker
    asker.go()


def test_explain_tells_what_becomes_of_a_request(reader: Asker) -> None:
    record = json.loads(reader.told("explain", "--cluster", "-o", "json", "-X", "POST", "--times", "6", URL))
    assert (record["outcome"], record["limited_by"]) == ("limited", ["create-toy"])
    assert record["listener"]["gateway"] == f"{ISTIO.namespace}/{ISTIO.gateway}"
    (limit,) = [one for one in record["limits"] if one["applies"] == "yes"]
    assert limit["origin"]["object"] == "RateLimitPolicy default/toystore"
    assert limit["origin"]["field"] == "spec.limits.create-toy"
    text = reader.told("explain", "--cluster", URL)
    assert text.startswith("admitted: no limit applies")


def test_topology_shows_what_hangs_on_what_with_its_state(reader: Asker) -> None:
    text = reader.told("topology", "--cluster")
    for line in (
        f"Gateway {ISTIO.namespace}/{ISTIO.gateway}",
        "HTTPRoute default/toystore: api.toystore.com",
        "RateLimitPolicy default/toystore: in effect",
        "limit create-toy: 5 in 10 s (default/toystore)",
        "Accepted",
        "Enforced",
    ):
        assert line in text, text
    assert json.loads(reader.told("topology", "--cluster", "-o", "json"))


def test_diff_compares_a_folder_with_what_there_is(reader: Asker, limited: Walk, tmp_path: Path) -> None:
    gateways = limited.lab.run("kubectl", "get", "gatewayclass,gateway", "-A", "-o", "yaml")
    there = f"{gateways}\n---{limited.provided.route}---{POLICY}"
    (tmp_path / "same.yaml").write_text(there)
    assert reader.told("diff", str(tmp_path / "same.yaml"), "--cluster") == ""
    more = there.replace("limit: 5,", "limit: 6,")
    assert more != there
    (tmp_path / "more.yaml").write_text(more)
    done = reader.ask("diff", str(tmp_path / "more.yaml"), "--cluster")
    assert done.returncode == 1, done
    told = " ".join(done.stdout.split())
    assert "5 in 10 s -> 6 in 10 s" in told
    assert "--times 7: 200x5 then 429x2 -> 200x6 then 429" in told


def test_limits_shows_where_counters_stand(watcher: Asker, limited: Walk) -> None:
    def shown() -> list[Any]:
        limited.statuses(7, "-X", "POST")
        pods = json.loads(watcher.told("limits", "--cluster", "toystore", "-o", "json"))
        return [line for pod in pods.values() for line in pod["lines"]]

    wait(lambda: any(one["remaining"] == 0 for one in shown()))
    assert "create" in watcher.told("limits", "--cluster")


def test_tap_follows_what_is_decided(watcher: Asker, limited: Walk) -> None:
    words = ("tap", "--cluster", "--verdict", "limited", "--count", "2", "-o", "json")
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(watcher.ask, *words)
        while not told.done():
            limited.statuses(7, "-X", "POST")
    done = told.result()
    assert done.returncode == 0, done
    first, second, last = map(json.loads, done.stdout.splitlines())
    for one in (first, second):
        assert (one["verdict"], one["method"], one["host"]) == ("limited", "POST", "api.toystore.com")
        assert one["path"] == "/toys"
    assert last["summary"]


def test_version_tells_what_runs_there(watcher: Asker) -> None:
    told = json.loads(watcher.told("version", "--cluster", "-o", "json"))
    assert told["client"] == __version__
    assert told["cluster"]
    assert __version__ in watcher.told("version", "--cluster").partition("sha256")[2]


@pytest.mark.parametrize(
    "words",
    [("limits", "--cluster"), ("tap", "--cluster", "--seconds", "5"), ("version", "--cluster")],
)
def test_who_may_not_is_told_so_in_a_line(reader: Asker, words: tuple[str, ...]) -> None:
    done = reader.ask(*words)
    assert done.returncode == 1
    assert "pods" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("words", [("explain", "--cluster", URL), ("topology", "--cluster")])
def test_who_may_not_list_is_told_what_is_missing(watcher: Asker, words: tuple[str, ...]) -> None:
    done = watcher.ask(*words)
    assert done.returncode in (1, 2)
    assert "forbidden" in done.stderr
    assert "Traceback" not in done.stderr
