"""What the chart runs for a moment, run in a real cluster: limiting ends, and the doctor finds nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab import programs
from tests.integration.config.helm import hooks
from tests.lab.traffic import traffic
from tests.lab.walk import KUADRANT, POLICY, Walk, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

IN = ("-n", "kuadrant-system")
OPERATOR = "deployment/kuadrant-operator-controller-manager"


@pytest.fixture(scope="module")
def limiting(walk: Walk) -> Iterator[Walk]:
    programs.build(["helm-template"])
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    wait(lambda: "429" in walk.statuses(6, "-X", "POST"), 30)
    yield walk
    walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore", "--ignore-not-found")


def run_hook(walk: Walk, hook: str, kind: str, condition: str) -> str:
    """Do with the objects of a hook what Helm does: make, await and delete them; return what was said."""
    image = walk.lab.run("kubectl", "get", OPERATOR, *IN, "-o", "jsonpath={..containers[0].image}")
    values: dict[str, Any] = {"image": image}
    documents = [one for one in hooks(values) if one["metadata"]["annotations"]["helm.sh/hook"] == hook]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
    (name,) = [one["metadata"]["name"] for one in documents if one["kind"] == kind]
    what = (f"{kind.lower()}/{name}", *IN)
    walk.apply(text)
    try:
        walk.lab.run("kubectl", "wait", *what, f"--for={condition}", "--timeout=150s", seconds=200)
        return walk.lab.run("kubectl", "logs", *what)
    except AssertionError:
        said = walk.lab.attempt("kubectl", "logs", *what)
        raise AssertionError(said.stdout + said.stderr) from None
    finally:
        for one in documents:
            place = IN if "namespace" in one["metadata"] else ()
            walk.lab.run(
                "kubectl", "delete", one["kind"], one["metadata"]["name"], *place, "--ignore-not-found"
            )


def test_helm_test_is_the_doctor_and_finds_nothing(limiting: Walk) -> None:
    said = run_hook(limiting, "test", "Pod", "jsonpath={.status.phase}=Succeeded")
    assert said == "Kuadrant is installed, and nothing was found that is wrong."


def test_limiting_ends_before_a_release_goes(limiting: Walk) -> None:
    with traffic(limiting, rate=100.0, connections=8) as seen:
        said = run_hook(limiting, "pre-delete", "Job", "condition=Complete")
    assert said.splitlines()[-1] == "Done."
    assert set(seen.statuses()) == {"200", "429"}
    assert limiting.lab.run("kubectl", "get", "kuadrants", *IN, "-o", "name") == ""
    assert not [one for one in limiting.objects() if "kuadrant" in one]
    # The installation is there, and limits as soon as it is to.
    limiting.apply(KUADRANT, *IN)
    wait(lambda: limiting.enforced() == "True")
