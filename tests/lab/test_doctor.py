"""What the doctor finds in a real cluster: nothing where all is well, and each fault by its code."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.lab.walk import POLICY, Walk, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab

IN = ("-n", "kuadrant-system")
OPERATOR = "deployment/kuadrant-operator-controller-manager"
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: istio-system}
spec: {podSelector: {}, policyTypes: [Egress]}
"""
SECOND = """
apiVersion: kuadrant.io/v1beta1
kind: Kuadrant
metadata: {name: second, namespace: kuadrant-system}
"""


def doctor(lab: Lab) -> tuple[int, set[str]]:
    """Its exit code, and the codes of what it finds."""
    done = lab.attempt(sys.executable, "-m", "kuadrant", "doctor", "-o", "json")
    return done.returncode, {one["code"] for one in json.loads(done.stdout)["findings"]}


@pytest.fixture(scope="module")
def limiting(walk: Walk) -> Iterator[Walk]:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    yield walk
    walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore", "--ignore-not-found")


def test_where_all_is_well_nothing_is_found(limiting: Walk) -> None:
    wait(lambda: doctor(limiting.lab) == (0, set()), 30)


def test_a_policy_that_keeps_gateways_in(limiting: Walk) -> None:
    limiting.apply(DENY)
    try:
        assert doctor(limiting.lab) == (0, {"egress-closed"})
    finally:
        limiting.lab.run("kubectl", "delete", "networkpolicy", "deny", "-n", "istio-system")


def test_a_second_kuadrant(limiting: Walk) -> None:
    limiting.apply(SECOND)
    try:
        assert doctor(limiting.lab) == (0, {"two-kuadrants"})
    finally:
        limiting.lab.run("kubectl", "delete", "kuadrant", "second", *IN)


def test_an_operator_that_does_not_run(limiting: Walk) -> None:
    run = limiting.lab.run
    run("kubectl", "scale", OPERATOR, *IN, "--replicas=0")
    try:
        wait(lambda: doctor(limiting.lab) == (1, {"not-running", "service"}), 30)
    finally:
        run("kubectl", "scale", OPERATOR, *IN, "--replicas=2")
        run("kubectl", "rollout", "status", OPERATOR, *IN, "--timeout=120s")


def test_an_image_that_nobody_has(limiting: Walk) -> None:
    run = limiting.lab.run
    run("kubectl", "set", "image", OPERATOR, *IN, "manager=localhost/nobody-has-it:1")
    try:
        wait(lambda: doctor(limiting.lab) == (1, {"image", "images-differ"}), 60)
    finally:
        run("kubectl", "rollout", "undo", OPERATOR, *IN)
        run("kubectl", "rollout", "status", OPERATOR, *IN, "--timeout=120s")


def test_a_right_that_was_taken_away(limiting: Walk) -> None:
    binding = "kuadrant-operator-manager-rolebinding"
    kept = limiting.lab.run("kubectl", "get", "clusterrolebinding", binding, "-o", "json")
    limiting.lab.run("kubectl", "delete", "clusterrolebinding", binding)
    try:
        code, found = doctor(limiting.lab)
        assert (code, found) == (1, {"rights"})
    finally:
        document = json.loads(kept)
        for name in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            document["metadata"].pop(name, None)
        limiting.apply(json.dumps(document))
