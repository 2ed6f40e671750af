"""Keeps the key of gateways' tokens, and makes known which keys there are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kuadrant import log
from kuadrant.operator.core.gateway_tokens import Keys
from kuadrant.operator.core.times import KEYS_SECONDS
from kuadrant.operator.secrets.caller_keys import CallerKeys
from kuadrant.operator.secrets.secret_keeper import SecretKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    import httpx2

    from kuadrant.operator.fact_store import FactStore

logger = log.get("kuadrant-operator")


class CallerKeyWatch:
    """Has the leader make and rotate the key; every replica takes what is there.

    Args:
        namespace: where the Secret is.
        client: asks the API server.
        facts: where the keys are known.
        leads: whether this replica may write.
        are_spread: whether every gateway has a token of the current one of some keys.
    """

    def __init__(
        self,
        namespace: str,
        client: httpx2.AsyncClient,
        facts: FactStore,
        leads: Callable[[], bool],
        are_spread: Callable[[Keys], bool],
    ) -> None:
        self._facts = facts
        self._keeper = SecretKeeper(
            CallerKeys(namespace, are_spread), client, leads, take=self._note, refuse=self._refuse
        )

    def look(self) -> None:
        """Look whether another key is due."""
        self._keeper.look()

    def parts(self) -> Iterator[tuple[str, Coroutine[Any, Any, object]]]:
        """Yield what has to run, with its names."""
        yield "the key of gateways' tokens", self._keeper.run()
        yield "the look at that key", self._look()

    def _note(self, keys: Keys) -> None:
        self._facts.change(keys=keys)

    def _refuse(self, problem: str) -> None:
        logger.warning("gateways are given no new tokens", problem=problem)
        if self._facts.value.keys is None:
            self._note(Keys())

    async def _look(self) -> None:
        """Go on without tokens where it cannot be read for a while whether there is a key."""
        while True:
            await asyncio.sleep(KEYS_SECONDS)
            if self._keeper.problem is not None and self._facts.value.keys is None:
                self._refuse(self._keeper.problem)
