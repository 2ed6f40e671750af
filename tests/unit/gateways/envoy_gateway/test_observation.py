"""When Envoy Gateway is told another address, and when not; what is known is in its own objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.gateways.envoy_gateway import Observation, observation
from kuadrant.gateways.module_address import ModuleAddress, served_module, try_of

OLD, NEW = "ab" * 32, "cd" * 32


def _module(sha256: str) -> ModuleAddress:
    return served_module("module.example", 8082, sha256)


def _policy(
    module: ModuleAddress, *, failed: bool = False, generation: int = 1, said_of: int = 1
) -> dict[str, Any]:
    condition = {
        "type": "Accepted",
        "status": "False" if failed else "True",
        "message": "Wasm: no." if failed else "",
    }
    return {
        "kind": "EnvoyExtensionPolicy",
        "metadata": {"name": "kuadrant-gw", "namespace": "ns", "generation": generation},
        "spec": {"wasm": [{"code": {"http": {"url": module.url, "sha256": module.sha256}}}]},
        "status": {"ancestors": [{"conditions": [{**condition, "observedGeneration": said_of}]}]},
    }


@pytest.mark.parametrize("form", ["pinned", "plain"])
@given(number=st.integers(0, 10**9 - 1))
def test_the_number_of_a_try_is_read_from_its_address(form: Any, number: int) -> None:
    assert try_of(served_module("h", 1, OLD, form).at_try(number).url) == number


def test_a_gateway_without_objects_gets_the_plain_address() -> None:
    assert observation([]) == Observation()
    assert observation([]).next_try(NEW) == 0


@given(number=st.integers(0, 10**6))
def test_the_address_stays_as_long_as_it_serves(number: int) -> None:
    """Another one would be fetched anew, with nothing to gain and something to lose."""
    module = _module(OLD).at_try(number)
    seen = observation([_policy(module)])
    assert seen.next_try(OLD) == number
    assert seen.has_tried(module)


@given(number=st.integers(0, 10**6))
def test_a_failure_makes_it_another_address_once(number: int) -> None:
    module = _module(OLD).at_try(number)
    failed = observation([_policy(module, failed=True)])
    again = _module(OLD).at_try(failed.next_try(OLD))
    assert again.url != module.url
    assert not failed.has_tried(again)
    # Written, and nothing said of it yet: that is the try, and it stays.
    told = observation([_policy(again, failed=True, generation=2, said_of=1)])
    assert told.next_try(OLD) == number + 1
    assert told.has_tried(again)


def test_another_module_begins_at_its_own_address() -> None:
    assert observation([_policy(_module(OLD).at_try(7), failed=True)]).next_try(NEW) == 0


def test_one_failed_policy_of_several_moves_all() -> None:
    seen = observation([_policy(_module(OLD).at_try(3)), _policy(_module(OLD).at_try(2), failed=True)])
    assert seen.next_try(OLD) == 4


def test_a_module_from_an_image_is_none_of_ours() -> None:
    policy = _policy(_module(OLD))
    policy["spec"]["wasm"] = [{"code": {"image": {"url": "registry.example/shim:1", "sha256": OLD}}}]
    assert observation([policy]) == Observation()
