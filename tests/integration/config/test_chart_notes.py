"""What Helm prints after it has installed the chart says what to do next."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.config.helm import notes

OPERATOR, SERVICE = "kuadrant-operator-controller-manager", "kuadrant-ratelimit"


def test_the_notes_say_what_to_do_next_in_the_release_s_namespace() -> None:
    text = notes(namespace="limits")
    for command in (
        f"kubectl --namespace limits rollout status deployment/{OPERATOR}",
        f"kubectl --namespace limits rollout status deployment/{SERVICE}",
        "kubectl apply --server-side --filename - <<END",
        "kubectl --namespace limits wait kuadrant/kuadrant --for=condition=Ready",
    ):
        assert f"     {command}\n" in text
    assert "kuadrant-system" not in text


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "This image is of no registry"),
        ({"ratelimit": {"enabled": False}}, "the limitador-operator has to bring one"),
        ({"ratelimit": {"replicas": 3}}, "3 rate limit services count apart"),
        ({"networkPolicies": {"enabled": False}}, "There are no network policies"),
    ],
)
def test_the_notes_tell_what_may_surprise(values: dict[str, Any], told: str) -> None:
    quiet = {"image": {"registry": "registry.example.com"}}
    assert told in notes(values)
    assert told not in notes(quiet)


def test_the_notes_name_nothing_that_is_not_there() -> None:
    assert SERVICE not in notes({"ratelimit": {"enabled": False}})
