"""Follows what the gateways of a cluster decide, through the API server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from msgspec import structs

from kuadrant.api.counter_page import PROOF_HEADER, proof
from kuadrant.api.decision_page import PATH, DecisionPage
from kuadrant.kube.client import RequestError
from kuadrant.operator_client.counters import COUNTERS_PORT, SERVICES, installation_key
from kuadrant.operator_client.pods import Pod, ask_pod, pods

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

    from kuadrant.api.decision_page import DecisionQuestion


class FollowedPods:
    """Asks every pod of the rate limit service in a namespace again and again: each hears other gateways.

    ``now`` gives seconds since 1970, if values are to be shown: the key of the installation is read then.
    """

    def __init__(
        self, client: httpx2.AsyncClient, namespace: str, *, now: Callable[[], float] | None = None
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._now = now
        self._key = b""
        self._next: dict[str, int] = {}

    async def ask(self, asked: DecisionQuestion) -> Mapping[str, DecisionPage | str]:
        """Return what each pod has heard since it was asked last, by its name; a text says why one did not.

        Raises:
            RequestError: The API server does not tell which pods there are, or does not give the key.
        """
        if self._now is not None and not self._key:
            self._key = await installation_key(self._client, self._namespace)
        running = [pod for pod in await pods(self._client, self._namespace, SERVICES) if pod.is_running]
        answers = await asyncio.gather(*(self._ask(pod, asked) for pod in running))
        return {pod.metadata.name: one for pod, one in zip(running, answers, strict=True)}

    async def _ask(self, pod: Pod, asked: DecisionQuestion) -> DecisionPage | str:
        uid = pod.metadata.uid
        after = self._next.get(uid)
        question = {"policy": asked.policy, "headers": ",".join(asked.headers)}
        question |= {} if after is None else {"after": str(after)}
        shown = {} if self._now is None else {PROOF_HEADER: proof(self._key, uid, self._now())}
        path = f"{PATH}?{urlencode(question)}"
        try:
            page = await ask_pod(
                self._client, pod, pod.port("counters", COUNTERS_PORT), path, DecisionPage, shown=shown
            )
        except RequestError as error:
            return f"cannot be asked: {error}"
        self._next[uid] = page.next
        return structs.replace(page, next=0)
