"""Keeps something in a Secret: the leader makes and renews it, every replica takes what is there."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import msgspec

from kuadrant import log
from kuadrant.kube.api_answers import read_status
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store
from kuadrant.operator.core.times import AGAIN_SECONDS, SECRET_LOOK_SECONDS
from kuadrant.operator.secrets.stored_secret import SECRETS, InvalidSecretError, document

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from kuadrant.kube.kind import Key, StoredObject
    from kuadrant.operator.secrets.stored_secret import StoredSecret

logger = log.get("kuadrant-operator")

_CONFLICT: Final = 409


T = TypeVar("T")


class Kept(Protocol[T]):
    """Says what a `SecretKeeper` keeps, and when it is due."""

    @property
    def what(self) -> str:
        """Its name for people."""

    @property
    def key(self) -> Key:
        """The namespace and name of the Secret."""

    @property
    def type(self) -> str:
        """The type of the Secret."""

    def read(self, secret: StoredSecret, /) -> T:
        """Return what is in a Secret.

        Raises:
            InvalidSecretError: nothing in it can be used.
        """

    def due(self, secret: StoredSecret | None, held: T | None, /) -> dict[str, bytes] | None:
        """Return what is to be in the Secret instead; None if what is there stays."""


class SecretKeeper(Generic[T]):
    """Follows one Secret, and writes it while this replica leads.

    Args:
        kept: what is kept.
        client: asks and writes to the API server.
        leads: whether this replica may write.
        take: is called with what is there, whenever that is another one.
        refuse: is called with a sentence if it cannot be used; then what was taken before stays.
    """

    def __init__(
        self,
        kept: Kept[T],
        client: httpx2.AsyncClient,
        leads: Callable[[], bool],
        *,
        take: Callable[[T], None],
        refuse: Callable[[str], None],
    ) -> None:
        self._kept = kept
        self._key = kept.key
        self._client = client
        self._leads = leads
        self._take = take
        self._refuse = refuse
        self._store = Store()
        self._store.add(SECRETS)
        self._store.listen(lambda _: self._changed.set())
        self._follower = Follower(SECRETS, self._store, client, only=self._key)
        self._changed = asyncio.Event()
        self._held: T | None = None

    @property
    def problem(self) -> str | None:
        """The reason why the Secret cannot be followed; None if it can."""
        return self._follower.status.problem

    def look(self) -> None:
        """Looks again whether something is due."""
        self._changed.set()

    async def run(self) -> None:
        """Follow the Secret until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follower.run())
            group.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            again = SECRET_LOOK_SECONDS
            if self._store.synced:
                entry = self._store.table(SECRETS).entries.get(self._key)
                self._look_at(entry)
                if self._leads() and not await self._renew(entry):
                    again = AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._changed.wait()

    def _look_at(self, entry: StoredObject[StoredSecret] | None) -> None:
        if entry is None:
            return
        try:
            found = self._kept.read(entry.object)
        except InvalidSecretError as error:
            self._refuse(f"the Secret {'/'.join(self._key)} cannot be used: {error}")
            return
        if found != self._held:
            self._held = found
            self._take(found)

    async def _renew(self, entry: StoredObject[StoredSecret] | None) -> bool:
        """Write a new one if it is due; return whether nothing is left to be done."""
        content = self._kept.due(None if entry is None else entry.object, self._held)
        if content is None:
            return True
        former_version = entry.resource_version if entry else ""
        secret = document(self._key, content, self._kept.type, former_version)
        problem = await self._write(secret, exists=entry is not None)
        if problem:
            logger.warning("a Secret cannot be written", what=self._kept.what, problem=problem)
        else:
            logger.info("a Secret is written", what=self._kept.what, secret="/".join(self._key))
        # What was written comes back by the stream, and counts from then on.
        return not problem

    async def _write(self, content: dict[str, Any], *, exists: bool) -> str:
        path = SECRETS.path(self._key) if exists else SECRETS.collection(self._key[0])
        try:
            response = await self._client.request(
                "PUT" if exists else "POST",
                path,
                content=msgspec.json.encode(content),
                headers={"content-type": "application/json"},
            )
        except FAILURES as error:
            return describe(error)
        if response.is_success or response.status_code == _CONFLICT:
            return ""
        return read_status(response.status_code, response.content).message
