"""The push server's certificate in a Secret of a real API server.

Made by the leader, shown by all, renewed when it is spoiled.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.operator.push.certificate import NAME, PushCertificate, Shown, made, values
from kuadrant.operator.secrets.secret_keeper import SecretKeeper
from kuadrant.operator.secrets.stored_secret import SECRETS, document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.integration.kube.conftest import Api

HOST = "push.example"


class Replica:
    """What one replica is told to show."""

    def __init__(self, api: Api, *, leads: bool) -> None:
        self.shown: list[Shown] = []
        self.problems: list[str] = []
        self.leads = leads
        self.changed = asyncio.Event()
        self.keeper = SecretKeeper(
            PushCertificate(api.namespace, HOST),
            api.client,
            lambda: self.leads,
            take=self._take,
            refuse=self._refuse,
        )
        self._task = asyncio.create_task(self.keeper.run())

    def _take(self, shown: Shown) -> None:
        self.shown.append(shown)
        self.changed.set()

    def _refuse(self, problem: str) -> None:
        self.problems.append(problem)
        self.changed.set()

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def leader(api: Api) -> AsyncIterator[Replica]:
    replica = Replica(api, leads=True)
    yield replica
    await replica.stop()


@pytest.fixture
async def other(api: Api) -> AsyncIterator[Replica]:
    replica = Replica(api, leads=False)
    yield replica
    await replica.stop()


def path(api: Api) -> str:
    return SECRETS.path((api.namespace, NAME))


async def put(api: Api, content: dict[str, Any]) -> None:
    """Put it there as somebody else."""
    content["metadata"]["labels"] = {}
    await api.send("POST", SECRETS.collection(api.namespace), json=content)


async def spoil(api: Api) -> None:
    await api.send(
        "PATCH",
        path(api),
        json={"data": {"tls.crt": ""}},
        headers={"content-type": "application/merge-patch+json"},
    )


async def test_the_leader_makes_it_and_every_replica_shows_it(leader: Replica, other: Replica) -> None:
    await leader.until(lambda: leader.shown)
    await other.until(lambda: other.shown)
    assert leader.shown == other.shown


async def test_who_does_not_lead_makes_none_until_it_does(other: Replica, api: Api) -> None:
    await put(
        api, document((api.namespace, NAME), values(made(HOST, dt.datetime.now(dt.UTC))), "kubernetes.io/tls")
    )
    await other.until(lambda: other.shown)
    await api.send("DELETE", path(api))
    assert (await api.client.get(path(api))).status_code == 404

    other.leads = True
    other.keeper.look()
    await other.until(lambda: len(other.shown) == 2)


async def test_one_that_was_deleted_is_made_anew_and_shown_by_all(
    leader: Replica, other: Replica, api: Api
) -> None:
    await leader.until(lambda: leader.shown)
    await api.send("DELETE", path(api))
    await leader.until(lambda: len(leader.shown) == 2)
    await other.until(lambda: len(other.shown) == 2)
    assert leader.shown == other.shown


async def test_one_that_was_spoiled_is_told_of_and_made_anew(leader: Replica, api: Api) -> None:
    await leader.until(lambda: leader.shown)
    await spoil(api)
    await leader.until(lambda: len(leader.shown) == 2)
    assert leader.problems == [
        (
            f"the Secret {api.namespace}/kuadrant-push-server cannot be used: tls.crt or ca.crt is no "
            "certificate in PEM"
        )
    ]


async def test_somebody_elses_is_shown_and_left_as_it_is(api: Api) -> None:
    theirs = made("another.name", dt.datetime.now(dt.UTC))
    await put(api, document((api.namespace, NAME), values(theirs), "kubernetes.io/tls"))
    leader = Replica(api, leads=True)
    try:
        await leader.until(lambda: leader.shown)
        await spoil(api)
        await leader.until(lambda: leader.problems)
        stored = (await api.send("GET", path(api))).json()
        assert stored["data"]["tls.crt"] == ""
        assert leader.shown == [theirs]
    finally:
        await leader.stop()
