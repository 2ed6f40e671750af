"""Keeping the status of the resource as it ought to be."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.kube.server_side_apply import Applier, Conflict, Desired, Gone, Refused, Unchanged
from kuadrant.ratelimit_follower.limitador_status import (
    MANAGER,
    known_message,
    lacks_our_fields,
    owner,
    wanted_status,
)

if TYPE_CHECKING:
    import httpx2

    from kuadrant.api.limitador import Limitador, LimitadorService
    from kuadrant.kube.kind import Key, StoredObject
    from kuadrant.kube.store import Table
    from kuadrant.ratelimit_follower.asked_in_vain import AskedInVain
    from kuadrant.ratelimit_follower.limit_holder import Holder

logger = log.get("ratelimit")

FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0


class StatusWriter:
    """Applies the status of ``key`` whenever that would change something.

    A generation's first write is immediate. Each further one of the same generation, for instance because it
    was refused or because somebody else writes the same fields, comes later than the one before.
    """

    def __init__(
        self,
        key: Key,
        table: Table[Limitador],
        holder: Holder,
        in_vain: AskedInVain,
        *,
        service: LimitadorService,
        client: httpx2.AsyncClient,
        traces: bool,
    ) -> None:
        self._traces = traces
        self._key = key
        self._table = table
        self._holder = holder
        self._in_vain = in_vain
        self._service = service
        self._applier = Applier(client)
        self._changed = asyncio.Event()
        self._subject: tuple[str, int] | None = None
        self._called_wrong: tuple[str, int] | None = None
        self._writes = 0
        self._not_before = 0.0
        self._retry_at: float | None = None
        self._said: str | None = None
        self._said_unknown: str | None = None
        self._names = True

    def look(self) -> None:
        """The resource, or what is known of its limits, changed."""
        self._changed.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            try:
                async with asyncio.timeout_at(self._retry_at):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            self._retry_at = None
            entry = self._table.entries.get(self._key)
            if entry is None:
                continue
            try:
                await self._write(entry)
            except Exception:
                # A defect of ours must not take down what runs.
                logger.exception("the status cannot be written", limitador="/".join(self._key))

    async def _write(self, entry: StoredObject[Limitador]) -> None:
        limitador = entry.object
        subject = entry.uid, limitador.metadata.generation
        if subject != self._subject:
            self._subject, self._writes, self._not_before = subject, 0, 0.0
        status = wanted_status(
            limitador,
            count=self._holder.count,
            refused=self._holder.refused,
            left_out=self._holder.left_out,
            unknown=self._in_vain.limits,
            said=self._said_unknown,
            names=self._names,
            traces=self._traces,
            overruled=self._called_wrong == subject,
            service=self._service,
            now=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        if status is None:
            other = owner(limitador)
            self._say(f"the status is written by {other} and left to it" if other else None)
            return
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            self._retry_at = self._not_before
            return
        # A status that is about an older state than the API server has is refused, so that it is never put
        # back.
        content = {"metadata": {"resourceVersion": entry.resource_version}, "status": status}
        desired = Desired(self._table.kind, self._key, MANAGER, content, subresource="status", force=True)
        outcome = await self._applier.apply(desired, self._table)
        if isinstance(outcome, Unchanged | Gone):
            return
        self._writes += 1
        self._not_before = now + min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(self._writes - 1, 16))
        if isinstance(outcome, Refused | Conflict):
            self._note_failure(outcome)
            return
        self._said = None
        if self._in_vain.limits:
            self._said_unknown = known_message(status)
        if self._holder.refused or self._holder.left_out:
            self._called_wrong = subject

    def _note_failure(self, outcome: Refused | Conflict) -> None:
        if isinstance(outcome, Refused) and self._names and lacks_our_fields(outcome.message):
            logger.warning("the status cannot name the limits that are not held", reason=outcome.message)
            self._names, self._not_before = False, 0.0
            self.look()
            return
        if not (isinstance(outcome, Refused) and outcome.lasting):
            self._retry_at = self._not_before
        if not (isinstance(outcome, Refused) and outcome.code == 409):
            self._say(f"the status cannot be written: {outcome.message}")

    def _say(self, text: str | None) -> None:
        if text is not None and text != self._said:
            logger.warning(text, limitador="/".join(self._key))
        self._said = text
