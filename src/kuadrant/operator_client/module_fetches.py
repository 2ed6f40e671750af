"""Tells which pods fetched which modules, for `kuadrant wasm who`.

Every replica of the operator is asked who has fetched from it, and addresses become pods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.operator_client.pods import ask_replicas, pods
from kuadrant.wasm.gateway_fetches import PATH, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx2


class Line(Struct, frozen=True, kw_only=True):
    """Sums up fetches of one pod that are alike, from all replicas together.

    Attributes:
        pod: namespace/name, or the address where no pod has it.
        client: what the client says it is.
        version: the module's version.
        sha256: the module's digest.
        status: the HTTP status of the answers.
        count: how many fetches there were.
        seconds: how long ago the last one was.
    """

    pod: str
    client: str
    version: str
    sha256: str
    status: int
    count: int
    seconds: float


class Answer(Struct, frozen=True):
    """Holds what the replicas said.

    Attributes:
        lines: a line for all that is alike, the latest fetch first.
        problems: a text for each replica that could not be asked.
        replicas: how many replicas were asked.
    """

    lines: tuple[Line, ...]
    problems: tuple[str, ...]
    replicas: int


async def module_fetches(client: httpx2.AsyncClient, namespace: str) -> Answer:
    """Ask all replicas of the operator in a namespace, by way of the API server.

    Raises:
        RequestError: the API server does not tell which pods there are.
    """
    everybody = await pods(client)
    told = await ask_replicas(client, namespace, PATH, list[Record])
    names = {
        pod.status.pod_ip: f"{pod.metadata.namespace}/{pod.metadata.name}"
        for pod in everybody
        if pod.status.pod_ip and pod.is_running
    }
    records = [record for one in told if not isinstance(one, str) for record in one]
    return Answer(merged(records, names), tuple(one for one in told if isinstance(one, str)), len(told))


def merged(records: Iterable[Record], names: Mapping[str, str]) -> tuple[Line, ...]:
    """Merge records that are alike into lines, with the pods' names by address."""
    found: dict[tuple[str, str, str, int], Line] = {}
    for record in records:
        pod = names.get(record.peer, record.peer)
        key = (pod, record.client, record.sha256, record.status)
        before = found.get(key)
        found[key] = Line(
            pod=pod,
            client=record.client,
            version=record.version,
            sha256=record.sha256,
            status=record.status,
            count=record.count + (before.count if before else 0),
            seconds=min(record.seconds, before.seconds) if before else record.seconds,
        )
    return tuple(sorted(found.values(), key=lambda line: (line.seconds, line.pod)))
