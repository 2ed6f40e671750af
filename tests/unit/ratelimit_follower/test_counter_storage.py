"""Whatever stands in the Secret or in the resource ends in a message, and what was counted before goes on."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.limitador import Limitador, is_secret_name, storage_secret
from kuadrant.ratelimit import RateLimitService, RedisStore
from kuadrant.ratelimit_follower import counter_storage as storages
from kuadrant.ratelimit_follower.counter_storage import Storage
from kuadrant.ratelimit_follower.limit_holder import Holder
from kuadrant.ratelimit_follower.limitador_status import wanted_status

from .conftest import limit, until
from .facts import NOW, SERVICE

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Api, Start


class Secrets:
    """An API server with one answer to every question for a Secret."""

    def __init__(self, content: bytes, status: int = 200) -> None:
        self.paths: list[str] = []
        self._answer = (status, content)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.paths.append(request.url.path)
        return httpx2.Response(self._answer[0], content=self._answer[1])


def secret(url: bytes | str) -> bytes:
    encoded = base64.b64encode(url if isinstance(url, bytes) else url.encode()).decode()
    return json.dumps({"data": {"URL": encoded}}).encode()


async def problem(content: bytes, name: str = "redis-config") -> tuple[str, Secrets]:
    """What is said of such a Secret by a service that goes on counting in memory."""
    secrets = Secrets(content)
    said = asyncio.Event()
    service = RateLimitService()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(secrets), base_url="http://api") as client:
        storage = Storage("ns", client, service, said.set)
        assert not storage.has(name)
        running = asyncio.create_task(storage.run())
        async with asyncio.timeout(20):
            await said.wait()
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert service.store is None
    assert storage.problem is not None
    return storage.problem, secrets


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret@host/0?foo=bar",
        "redis://:s3cret@host/0?retry=",
        "redis://:s3cret@host/0?encoding=",
        "redis://:s3cret@host/0?max_connections=0",
        "",
        b"\xff\xfe",
        "redis://:s3cret@127.0.0.1:1",
        "rediss://:s3cret@127.0.0.1:1?ssl_ca_certs=/nowhere/s3cret",
    ],
)
async def test_an_address_that_cannot_be_used_is_told(url: bytes | str) -> None:
    said, _ = await problem(secret(url))
    assert said.startswith("spec.storage: the Secret ns/redis-config: ")
    assert "s3cret" not in said.replace("/nowhere/s3cret", "")


@pytest.mark.parametrize(
    "content", [b"", b"7", b"{}", b'{"data": null}', b'{"data": {"URL": "%"}}', b'{"data": {"URL": 7}}']
)
async def test_what_is_no_secret_is_told(content: bytes) -> None:
    said, _ = await problem(content)
    assert said == "spec.storage: the Secret ns/redis-config: has no URL"


@pytest.mark.parametrize(
    "name", ["../configmaps/x", "a/b", "a?b", "a#b", "A", "x" * 5000, "a\n", "ü", "\x00", "%2e%2e", ".."]
)
async def test_a_name_that_no_secret_has_leads_nowhere(name: str) -> None:
    said, secrets = await problem(secret("redis://127.0.0.1:1"), name)
    assert said.endswith("is no name that a Secret can have")
    assert secrets.paths == []
    assert len(said) < 400


async def in_a_folder(folder: Path, name: str) -> tuple[str, list[str]]:
    """What is said of a Secret that the pod may have in a folder, and what was asked for."""
    api = Secrets(b"", 403)
    said = asyncio.Event()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(api), base_url="http://api") as client:
        storage = Storage("ns", client, RateLimitService(), said.set, stores=folder)
        storage.has(name)
        running = asyncio.create_task(storage.run())
        async with asyncio.timeout(20):
            await said.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return storage.problem or "", api.paths


async def test_a_secret_that_the_pod_has_in_a_folder_is_read_there_and_asked_of_nobody(
    tmp_path: Path,
) -> None:
    for name, content in (("counters", "nothing:that is an address\n"), ("empty", None), ("bytes", b"\xff")):
        (tmp_path / name).mkdir()
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / name / "URL").write_bytes(data)
    words, paths = await in_a_folder(tmp_path, "counters")
    assert words.startswith("spec.storage: the Secret ns/counters: the address ")
    assert "nothing" not in words
    empty, _ = await in_a_folder(tmp_path, "empty")
    assert empty == "spec.storage: the Secret ns/empty: does not exist, or has no URL"
    unreadable, _ = await in_a_folder(tmp_path, "bytes")
    assert unreadable == "spec.storage: the Secret ns/bytes: cannot be read: UnicodeDecodeError"
    assert paths == []


@pytest.mark.parametrize("name", ["another", "..", "counters/../counters"])
async def test_any_other_is_not_looked_for_in_folders(tmp_path: Path, name: str) -> None:
    (tmp_path / "counters").mkdir()
    words, _ = await in_a_folder(tmp_path, name)
    assert "403" in words or "is no name that a Secret can have" in words


async def test_a_defect_of_a_library_is_told_by_its_kind_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: RedisStore) -> None:
        raise KeyError("s3cret")

    monkeypatch.setattr(RedisStore, "check", fail)
    said, _ = await problem(secret("redis://:s3cret@127.0.0.1:1"))
    assert said.endswith("the store cannot be used (KeyError)")


async def test_a_process_with_such_a_secret_goes_on(
    api: Api, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def address(_: Storage, __: str) -> str:
        return "redis://:s3cret@127.0.0.1:1/0?foo=bar"

    monkeypatch.setattr(storages.Storage, "_address", address)
    api.put(limit(3))
    replica = await start()
    await until(lambda: api.ready.get("status") == "True")
    api.put(limit(5), storage={"redis": {"configSecretRef": {"name": "redis-config"}}})
    await until(lambda: api.ready["status"] == "False")

    assert "option that is not known" in api.ready["message"]
    assert "s3cret" not in json.dumps(api.status)
    assert await replica.admitted() == 3
    api.put(limit(4))
    await until(lambda: api.ready["status"] == "True")
    assert await replica.admitted() == 4


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["redis", "redis-cached", "configSecretRef", "name", "namespace", "seconds", "conditions"]
            )
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["limits", "storage", "rateLimitHeaders", "replicas"]), JSON, max_size=4)
)
def test_whatever_a_resource_asks_for_is_taken_or_told(spec: dict[str, Any]) -> None:
    content = {"metadata": {"name": "limitador", "namespace": "ns", "generation": 2}, "spec": spec}
    found = msgspec.json.decode(json.dumps(content).encode(), type=Limitador)
    service = RateLimitService()
    holder = Holder(("ns", "limitador"), service)

    holder.take(found)
    name = storage_secret(found.spec.storage)

    assert name is None or isinstance(is_secret_name(name), bool)
    assert (holder.refused is None) == (holder.generation == 2)
    status = wanted_status(
        found,
        count=holder.count,
        refused=holder.refused,
        left_out=holder.left_out,
        overruled=False,
        service=SERVICE,
        now=NOW,
    )
    assert status is not None
    assert all(len(one["message"]) < 32_768 for one in status["conditions"])
