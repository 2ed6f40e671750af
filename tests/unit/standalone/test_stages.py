"""The order in which a change goes out."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.limitador import Limit
from kuadrant.gateways import envoy
from kuadrant.standalone.stages import Target, stages

TYPES = (envoy.CLUSTER, envoy.ENDPOINTS, envoy.LISTENER, envoy.ROUTES, envoy.EXTENSION, envoy.SECRET)


def limit(name: str, maximum: int = 1, seconds: int = 1) -> Limit:
    return Limit(namespace="ns", max_value=maximum, seconds=seconds, conditions=(name,), name=name)


def routes(*paths: str) -> dict[str, Any]:
    return {
        "name": "web",
        "virtual_hosts": [{"name": "*", "routes": [{"match": {"path": path}} for path in paths]}],
    }


def target(*paths: str, backend: str = "b", listener: bool = True, limits: tuple[Limit, ...] = ()) -> Target:
    """One listener whose shim knows just the paths that its router serves."""
    name = "web"
    return Target(
        limits,
        {
            envoy.CLUSTER: {backend: {"name": backend}},
            envoy.ENDPOINTS: {backend: {"cluster_name": backend}},
            envoy.LISTENER: {name: {"name": name}} if listener else {},
            envoy.ROUTES: {name: routes(*paths)} if listener else {},
            envoy.EXTENSION: {name: {"paths": list(paths)}} if listener else {},
            envoy.SECRET: {f"of-{backend}": {"name": f"of-{backend}"}},
        },
    )


NOTHING = Target((), {})


def served(state: Target) -> set[str]:
    if not state.resources.get(envoy.LISTENER):
        return set()
    (host,) = state.resources[envoy.ROUTES]["web"]["virtual_hosts"]
    return {route["match"]["path"] for route in host["routes"]}


def known(state: Target) -> set[str]:
    return set(state.resources.get(envoy.EXTENSION, {}).get("web", {"paths": ()})["paths"])


def test_a_change_ends_in_what_was_wanted() -> None:
    assert stages(target("/a"), target("/b"))[-1].resources == target("/b").resources


def test_nothing_to_change_is_one_stage_without_a_change() -> None:
    (only,) = stages(target("/a"), target("/a"))

    assert only == target("/a")


def test_a_change_of_a_maximum_touches_the_limits_alone() -> None:
    (only,) = stages(target("/a", limits=(limit("x", 5),)), target("/a", limits=(limit("x", 50),)))

    assert only == target("/a", limits=(limit("x", 50),))


def test_limits_are_there_before_anything_asks_for_them_and_until_the_end() -> None:
    for stage in stages(target("/a", limits=(limit("old"),)), target("/a", "/b", limits=(limit("new"),))):
        assert set(stage.limits) == {limit("old"), limit("new")}


paths = st.lists(st.sampled_from(["/a", "/b", "/c", "/d"]), unique=True)
states = st.builds(
    lambda own, backend, listener: target(*own, backend=backend, listener=listener),
    paths,
    st.sampled_from(["b1", "b2"]),
    st.booleans(),
)


@given(st.one_of(st.just(NOTHING), states), states)
def test_at_no_stage_does_the_router_serve_what_the_shim_does_not_know(now: Target, wanted: Target) -> None:
    """Within a stage either the router's or the shim's half may arrive first."""
    before = now
    for stage in stages(now, wanted):
        for router in (before, stage):
            for shim in (before, stage):
                assert served(router) <= known(shim) | (
                    set() if router.resources.get(envoy.LISTENER) else served(router)
                )
        before = stage
    assert before.resources == wanted.resources or not wanted.resources


@given(states, states)
def test_clusters_and_certificates_are_there_as_long_as_they_may_be_named(
    now: Target, wanted: Target
) -> None:
    *before_last, last = stages(now, wanted)

    for stage in before_last:
        for url in (envoy.CLUSTER, envoy.ENDPOINTS, envoy.SECRET):
            assert set(stage.resources[url]) == {*now.resources[url], *wanted.resources[url]}
    for url in (envoy.CLUSTER, envoy.SECRET):
        assert set(last.resources[url]) == set(wanted.resources[url])
