"""Following a real API server through all that happens to connections, servers and versions."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from typing import TYPE_CHECKING

import pytest

from kuadrant.kube.kind import Kind

from .conftest import NOBODY, THINGS, Thing, definition

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Api, Cluster, Following


async def equal(following: Following, api: Api, seconds: float = 30) -> None:
    """Wait until the store has what the server has."""
    wanted = await api.versions()
    await following.until(
        lambda: (
            following.table.synced
            and {key: entry.resource_version for key, entry in following.table.entries.items()} == wanted
        ),
        seconds,
    )


def thing(following: Following, api: Api, name: str) -> Thing:
    found: Thing | None = following.table.get(api.namespace, name)
    assert found is not None
    return found


async def test_what_is_there_and_what_comes_is_in_the_store(
    api: Api, follow: Callable[..., Following]
) -> None:
    await api.put("a", {"value": 1})
    following = follow()
    await equal(following, api)
    assert following.requests[0]["sendInitialEvents"] == "true"
    await api.put("b", {"value": 2})
    await api.put("a", {"value": 3})
    await equal(following, api)
    assert thing(following, api, "a").spec.value == 3
    await api.delete("a")
    await equal(following, api)
    assert len(following.requests) == 1


async def test_an_annotation_with_every_kind_of_line_end_does_no_harm(
    api: Api, follow: Callable[..., Following]
) -> None:
    note = "a\u0085b\u2028c\u2029d\x0be\x0cf\x1cg\rh\ni"
    following = follow()
    await equal(following, api)
    await api.put("a", {"value": 1}, annotations={"note": note})
    await equal(following, api)
    assert thing(following, api, "a").metadata.annotations == {"note": note}
    assert len(following.requests) == 1


async def test_an_object_that_does_not_fit_is_named_and_the_others_go_on(
    api: Api, follow: Callable[..., Following]
) -> None:
    await api.put("bad", {"value": 1})
    following = follow()
    await equal(following, api)
    await api.put("bad", {"value": "no number"})
    await api.put("good", {"value": 2})
    await following.until(lambda: following.table.get(api.namespace, "good") is not None)
    assert thing(following, api, "bad").spec.value == 1
    assert "value" in following.table.unreadable[api.namespace, "bad"].problem


async def test_cut_connections_are_resumed_without_a_list(api: Api, follow: Callable[..., Following]) -> None:
    following = follow()
    await equal(following, api)
    for n in range(10):
        following.relay.cut()
        await api.put(f"n{n}", {"value": n})
        if n:
            await api.delete(f"n{n - 1}")
        await equal(following, api)
    assert following.lists == 1
    assert len(following.requests) == 11


async def test_an_expired_version_loses_no_deletion(
    api: Api, cluster: Cluster, follow: Callable[..., Following]
) -> None:
    for name in ("kept", "changed", "deleted"):
        await api.put(name, {"value": 1})
    following = follow()
    await equal(following, api)
    kept = following.table.entries[api.namespace, "kept"]
    following.relay.open = False
    following.relay.cut()
    await api.delete("deleted")
    await api.put("changed", {"value": 2})
    for n in range(20):
        await api.put("busy", {"value": n})
    cluster.compact()
    cluster.stop_api_server()
    cluster.start_api_server()
    following.relay.open = True
    await equal(following, api)
    assert following.lists == 2
    assert (api.namespace, "deleted") not in following.table.entries
    assert following.table.entries[api.namespace, "kept"] is kept


async def test_restarts_of_the_server_are_survived(
    api: Api,
    cluster: Cluster,
    follow: Callable[..., Following],
    record_property: Callable[[str, object], None],
) -> None:
    await api.put("a", {"value": 1})
    following = follow()
    await equal(following, api)
    for n, kill in enumerate((True, False)):
        cluster.stop_api_server(kill=kill)
        await following.until(lambda: following.follower.status.problem is not None)
        cluster.start_api_server()
        started = time.monotonic()
        await api.put("a", {"value": 10 + n})
        await equal(following, api)
        record_property(f"seconds to follow again after a restart (kill={kill})", time.monotonic() - started)
        assert following.follower.status.problem is None
    record_property("lists", following.lists)


@pytest.mark.row(168)
async def test_a_definition_that_appears_vanishes_and_appears_again(
    api: Api, follow: Callable[..., Following]
) -> None:
    others: Kind[Thing] = Kind("example.com", "v1", "others", "Other", Thing)
    following = follow(others)
    await following.until(lambda: following.follower.status.phase == "absent")
    assert following.table.synced
    assert "does not serve others.example.com v1" in (following.follower.status.problem or "")
    for _ in range(2):
        await api.define(definition("others", "Other"))
        following.follower.look_again()
        path = others.collection(api.namespace)
        answer = await api.client.post(
            path,
            json={
                "apiVersion": "example.com/v1",
                "kind": "Other",
                "metadata": {"name": "o"},
                "spec": {"value": 1},
            },
        )
        assert answer.status_code == 201, answer.text
        await following.until(lambda: following.table.get(api.namespace, "o") is not None)
        await api.undefine("others")
        await following.until(lambda: not following.table.entries)
        await following.until(lambda: following.follower.status.phase == "absent")


async def test_missing_rights_are_told_and_end_when_they_are_granted(
    api: Api, follow: Callable[..., Following]
) -> None:
    await api.put("a", {"value": 1})
    following = follow(token=NOBODY)
    await following.until(lambda: following.follower.status.problem is not None)
    assert not following.table.synced
    problem = following.follower.status.problem or ""
    assert problem.startswith("not allowed to list things.example.com: grant the verbs list and watch")
    assert 'User "nobody" cannot' in problem
    rights = "/apis/rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["list", "watch"]}
    await api.client.post(f"{rights}/clusterroles", json={"metadata": {"name": "things"}, "rules": [rule]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "things"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}
    await api.client.post(
        f"{rights}/clusterrolebindings",
        json={"metadata": {"name": "things"}, "roleRef": reference, "subjects": [subject]},
    )
    try:
        await equal(following, api)
    finally:
        await api.client.delete(f"{rights}/clusterrolebindings/things")
        await api.client.delete(f"{rights}/clusterroles/things")


async def test_refused_credentials_are_told(api: Api, follow: Callable[..., Following]) -> None:  # noqa: ARG001 - defines things
    following = follow(token="wrong")
    await following.until(lambda: following.follower.status.problem is not None)
    assert "does not accept our credentials" in (following.follower.status.problem or "")


@pytest.mark.long
async def test_ten_thousand_objects(
    api: Api,
    cluster: Cluster,
    follow: Callable[..., Following],
    record_property: Callable[[str, object], None],
) -> None:
    count = 10_000
    names = iter(range(count))

    async def create() -> None:
        for n in names:
            answer = await api.client.post(
                THINGS.collection(api.namespace),
                json={
                    "apiVersion": "example.com/v1",
                    "kind": "Thing",
                    "metadata": {"name": f"n{n}"},
                    "spec": {"value": n, "text": "x" * 200},
                },
            )
            assert answer.status_code == 201, answer.text

    await asyncio.gather(*(create() for _ in range(16)))
    gc.collect()
    before, cpu = _resident(), _cpu()
    started = time.monotonic()
    following = follow()
    await following.until(lambda: following.table.synced, 60)
    listed = time.monotonic() - started
    record_property("list: seconds, CPU seconds, KiB", (listed, _cpu() - cpu, _resident() - before))
    assert len(following.table.entries) == count
    settled = _resident()
    # A new list, of which all but one are held already.
    following.relay.open = False
    following.relay.cut()
    await api.delete("n5000")
    cluster.compact()
    cluster.stop_api_server()
    cluster.start_api_server()
    following.relay.open = True
    cpu = _cpu()
    await following.until(lambda: len(following.table.entries) == count - 1, 60)
    gc.collect()
    record_property("list anew: CPU seconds, KiB", (_cpu() - cpu, _resident() - settled))
    assert following.lists == 2


def _resident() -> int:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - no file of ours
        return int(status.read().partition("VmRSS:")[2].split()[0])


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
