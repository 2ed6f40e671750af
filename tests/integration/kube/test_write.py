"""Applying, deleting, telling and leading on a real API server."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.kube import lease
from kuadrant.kube.events import Event, Recorder, Regarding
from kuadrant.kube.lease_http import Leadership
from kuadrant.kube.server_side_apply import Applier, Conflict, Desired, Gone, Refused, Unchanged, Written

from .conftest import THINGS, TOKEN, access

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx2

    from .conftest import Api, Cluster, Following


class Writer:
    """An applier of which every request is counted, and a follower of what it writes."""

    def __init__(self, api: Api, following: Following, client: httpx2.AsyncClient) -> None:
        self.api = api
        self.following = following
        self.applier = Applier(client)
        self.writes = 0
        client.event_hooks["request"].append(self._count)

    async def _count(self, _: httpx2.Request) -> None:
        self.writes += 1

    def desired(self, content: dict[str, Any], **more: Any) -> Desired:
        return Desired(THINGS, (self.api.namespace, "a"), more.pop("manager", "test-a"), content, **more)

    async def apply(self, content: dict[str, Any], **more: Any) -> Any:
        return await self.applier.apply(self.desired(content, **more), self.following.table)

    async def observed(self, outcome: Any) -> None:
        """Wait until the follower has seen what was written."""
        assert isinstance(outcome, Written), outcome
        await self.observed_version(outcome.resource_version)

    async def observed_version(self, version: str) -> None:
        key = (self.api.namespace, "a")
        entries = self.following.table.entries
        await self.following.until(lambda: key in entries and entries[key].resource_version == version)


@pytest.fixture
async def writer(api: Api, follow: Callable[..., Following], cluster: Cluster) -> AsyncIterator[Writer]:
    following = follow()
    await following.until(lambda: following.table.synced)
    async with access(cluster.url, TOKEN).connect() as client:
        yield Writer(api, following, client)


CONTENT: dict[str, Any] = {
    "metadata": {"labels": {"app": "x"}, "annotations": {"note": "a\u0085b\u2028c \U0001f600"}},
    "spec": {"url": "http://x", "list": [{"b": 1}, {"a": 2}], "deep": {"er": {"still": True}}, "none": {}},
}


async def test_what_is_there_is_not_written_again_also_by_another_process(
    writer: Writer, cluster: Cluster
) -> None:
    await writer.observed(await writer.apply(CONTENT))
    assert (await writer.api.get("a"))["metadata"]["annotations"] == CONTENT["metadata"]["annotations"]
    for _ in range(3):
        assert await writer.apply(CONTENT) == Unchanged()
    async with access(cluster.url, TOKEN).connect() as client:
        restarted = Writer(writer.api, writer.following, client)
        assert await restarted.apply(CONTENT) == Unchanged()
        assert restarted.writes == 0
    assert writer.writes == 1


async def test_what_is_no_longer_wanted_goes_and_what_is_foreign_stays(writer: Writer) -> None:
    await writer.observed(await writer.apply({"spec": {"url": "http://x", "old": 1}}))
    version = (await writer.api.put("a", {"foreign": 5}))["metadata"]["resourceVersion"]
    await writer.observed_version(version)
    assert await writer.apply({"spec": {"url": "http://x", "old": 1}}) == Unchanged()
    await writer.observed(await writer.apply({"spec": {"url": "http://x"}}))
    assert (await writer.api.get("a"))["spec"] == {"url": "http://x", "foreign": 5}


@pytest.mark.row(132)
@pytest.mark.parametrize("how", ["apply", "update", "remove"])
async def test_drift_is_seen_and_put_back(writer: Writer, how: str) -> None:
    await writer.observed(await writer.apply(CONTENT))
    if how == "apply":
        changed = await writer.api.put("a", {"url": "http://evil"})
    else:
        changed = await writer.api.get("a")
        if how == "update":
            changed["spec"]["url"] = "http://evil"
        else:
            del changed["spec"]["url"]
        path = THINGS.path((writer.api.namespace, "a"))
        changed = (await writer.api.send("PUT", path, json=changed)).json()
    await writer.observed_version(changed["metadata"]["resourceVersion"])
    outcome = await writer.apply(CONTENT, force=True)
    await writer.observed(outcome)
    assert (await writer.api.get("a"))["spec"]["url"] == "http://x"
    assert await writer.apply(CONTENT, force=True) == Unchanged()


async def test_a_conflict_is_told_and_nothing_is_taken(writer: Writer) -> None:
    version = (await writer.api.put("a", {"url": "http://theirs"}, manager="somebody"))["metadata"][
        "resourceVersion"
    ]
    await writer.observed_version(version)
    outcome = await writer.apply(CONTENT)
    assert isinstance(outcome, Conflict)
    assert outcome.fields == (("somebody", ".spec.url"),)
    assert (await writer.api.get("a"))["spec"]["url"] == "http://theirs"


async def test_two_managers_own_the_status_and_the_object_apart(writer: Writer) -> None:
    status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    other = {"status": {"conditions": [{"type": "Known", "status": "True"}]}}
    await writer.observed(await writer.apply(CONTENT))
    await writer.observed(await writer.apply(status, subresource="status"))
    await writer.observed(await writer.apply(other, subresource="status", manager="test-b"))
    for again in (
        await writer.apply(CONTENT),
        await writer.apply(status, subresource="status"),
        await writer.apply(other, subresource="status", manager="test-b"),
    ):
        assert again == Unchanged()
    assert [condition["type"] for condition in (await writer.api.get("a"))["status"]["conditions"]] == [
        "Ready",
        "Known",
    ]
    await writer.observed(await writer.apply({"status": {}}, subresource="status"))
    assert [condition["type"] for condition in (await writer.api.get("a"))["status"]["conditions"]] == [
        "Known"
    ]


async def test_the_status_of_nobody_is_gone(writer: Writer) -> None:
    assert await writer.apply({"status": {"conditions": []}}, subresource="status") == Gone()


async def test_what_somebody_deleted_is_made_again(writer: Writer) -> None:
    await writer.observed(await writer.apply(CONTENT))
    await writer.api.delete("a")
    await writer.following.until(lambda: not writer.following.table.entries)
    await writer.observed(await writer.apply(CONTENT))


async def test_only_what_was_observed_is_deleted(writer: Writer) -> None:
    await writer.observed(await writer.apply(CONTENT))
    observed = writer.following.table.entries[writer.api.namespace, "a"]
    version = (await writer.api.put("a", {"foreign": 5}))["metadata"]["resourceVersion"]
    refused = await writer.applier.delete(THINGS, observed)
    assert isinstance(refused, Refused)
    assert refused.code == 409
    await writer.observed_version(version)
    observed = writer.following.table.entries[writer.api.namespace, "a"]
    assert isinstance(await writer.applier.delete(THINGS, observed), Written)
    assert await writer.applier.delete(THINGS, observed) == Gone()


async def test_what_is_invalid_is_told_with_the_field(writer: Writer) -> None:
    outcome = await writer.apply({"metadata": {"labels": {"app": "with spaces"}}})
    assert isinstance(outcome, Refused)
    assert outcome.lasting
    assert "metadata.labels" in outcome.message


async def test_repeated_events_are_one_object_with_a_count(api: Api) -> None:
    created = await api.put("a", {"value": 1})
    regarding = Regarding(THINGS, (api.namespace, "a"), created["metadata"]["uid"])
    recorder = Recorder("example.com/test", "test-0", api.client)
    event = Event(regarding, "Warning", "Refused", "Apply", "it did not fit \u0085")
    for n in range(5):
        await recorder.record(event, float(n))
    found = (await api.send("GET", f"/apis/events.k8s.io/v1/namespaces/{api.namespace}/events")).json()[
        "items"
    ]
    assert len(found) == 1
    assert (found[0]["note"], found[0]["regarding"]["uid"]) == (event.note, regarding.uid)
    assert found[0]["series"]["count"] == 4


async def test_two_candidates_lead_one_after_the_other(
    api: Api, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "INTERVAL", 0.1)
    key = (api.namespace, f"leader-{secrets.token_hex(3)}")
    async with (
        access(cluster.url, TOKEN).connect() as first_client,
        access(cluster.url, TOKEN).connect() as second_client,
        asyncio.timeout(30),
    ):
        first, second = Leadership(key, "first", first_client), Leadership(key, "second", second_client)
        first_task = asyncio.create_task(first.run())
        await first.acquired()
        second_task = asyncio.create_task(second.run())
        await asyncio.sleep(0.5)
        assert (first.leads, second.leads) == (True, False)
        first_task.cancel()
        await asyncio.gather(first_task, return_exceptions=True)
        assert not first.leads
        await second.acquired()
        path = f"/apis/coordination.k8s.io/v1/namespaces/{key[0]}/leases/{key[1]}"
        found = (await api.send("GET", path)).json()
        assert found["spec"]["holderIdentity"] == "second"
        assert found["spec"]["leaseTransitions"] == 2
        second_task.cancel()
        await asyncio.gather(second_task, return_exceptions=True)
