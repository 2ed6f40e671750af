"""Keeps the push server's certificate in a Secret: the leader makes and renews it, every replica shows it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kuadrant import log
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.follow import Follower
from kuadrant.kube.store import Store
from kuadrant.kube.wire import read_status
from kuadrant.operator.certificate import (
    NAME,
    SECRETS,
    InvalidSecretError,
    Shown,
    document,
    is_due,
    made,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from kuadrant.kube.kind import Entry
    from kuadrant.operator.certificate import StoredSecret

logger = log.get("kuadrant-operator")

_AGAIN_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 3600.0
_CONFLICT: Final = 409


class CertificateKeeper:
    """Follows the Secret of ``namespace``, and writes it for ``host`` while we lead.

    ``take`` is called with what is to be shown whenever that is another one, and ``refuse`` with a sentence if what is there
    cannot be shown; then what was shown before stays.
    """

    def __init__(
        self,
        namespace: str,
        host: str,
        client: httpx2.AsyncClient,
        leads: Callable[[], bool],
        *,
        take: Callable[[Shown], None],
        refuse: Callable[[str], None],
    ) -> None:
        self._key = (namespace, NAME)
        self._host = host
        self._client = client
        self._leads = leads
        self._take = take
        self._refuse = refuse
        self._store = Store()
        self._store.add(SECRETS)
        self._store.listen(lambda _: self._changed.set())
        self._follower = Follower(SECRETS, self._store, client, only=self._key)
        self._changed = asyncio.Event()
        self._shown: Shown | None = None

    def lead(self) -> None:
        """We lead from now on."""
        self._changed.set()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follower.run())
            group.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            again = _LOOK_SECONDS
            if self._store.synced:
                entry = self._store.table(SECRETS).entries.get(self._key)
                self._look_at(entry)
                if self._leads() and not await self._renew(entry):
                    again = _AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._changed.wait()

    def _look_at(self, entry: Entry[StoredSecret] | None) -> None:
        if entry is None:
            return
        try:
            found = shown(entry.object)
        except InvalidSecretError as error:
            self._refuse(f"the Secret {'/'.join(self._key)} cannot be used: {error}")
            return
        if found != self._shown:
            self._shown = found
            self._take(found)

    async def _renew(self, entry: Entry[StoredSecret] | None) -> bool:
        """Write a new one if it is due; return whether nothing is left to be done."""
        now = dt.datetime.now(dt.UTC)
        if not is_due(None if entry is None else entry.object, self._host, now):
            return True
        content = document(self._key[0], made(self._host, now), entry.resource_version if entry else "")
        problem = await self._write(content, exists=entry is not None)
        if problem:
            logger.warning("the push server's certificate cannot be written", problem=problem)
        else:
            logger.info("the push server has a new certificate", secret="/".join(self._key))
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
