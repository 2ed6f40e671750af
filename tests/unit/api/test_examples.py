"""The examples are what a user of Kuadrant would write, without a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from kuadrant.api.documents import Folder, read
from kuadrant.api.rate_limit_policy import RateLimitPolicyV1, RateLimitPolicyV1Beta2
from kuadrant.standalone import folder_files

EXAMPLES = Path(__file__).parents[3] / "examples"


def example(name: str) -> Folder:
    return read((file.path, file.text) for file in folder_files.read(EXAMPLES / name))


@pytest.mark.parametrize("name", ["toystore", "toystore-v1"])
def test_an_example_is_read_whole(name: str) -> None:
    found = example(name)
    assert not found.problems
    assert not found.notes
    assert set(found.sources) == {
        ("Gateway", "istio-system", "istio-ingressgateway"),
        ("HTTPRoute", "default", "toystore"),
        ("Kuadrant", "kuadrant-system", "kuadrant"),
        ("RateLimitPolicy", "default", "toystore"),
        ("Service", "default", "toystore"),
    }


def test_the_versions_of_the_policy() -> None:
    assert isinstance(example("toystore").objects.rate_limit_policies[0], RateLimitPolicyV1Beta2)
    assert isinstance(example("toystore-v1").objects.rate_limit_policies[0], RateLimitPolicyV1)
