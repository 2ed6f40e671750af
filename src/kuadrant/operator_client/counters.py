"""Asks the rate limit service of a cluster where its counters stand, through the API server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from kuadrant.api.caller_token import SECRET, keys_in
from kuadrant.api.counter_page import PATH, PROOF_HEADER, CounterPage, proof
from kuadrant.kube.client import AbsentError, RequestError, get
from kuadrant.operator_client.pods import OURS, Pod, ask_pod, pods

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

SERVICES: Final = f"{OURS}%2Ccontrol-plane%3Dratelimit"
COUNTERS_PORT: Final = 8082
GROUP: Final = "kuadrant.io"
_TRIES: Final = 8
_PAUSE_SECONDS: Final = 0.3


class _Answer(CounterPage, frozen=True, kw_only=True):
    """A page, unless somebody else has just asked."""

    busy: bool = False


class _Secret(Struct, frozen=True):
    data: dict[str, str] = {}


class _Metadata(Struct, frozen=True):
    name: str


class _Policy(Struct, frozen=True):
    metadata: _Metadata


class _Policies(Struct, frozen=True):
    items: tuple[_Policy, ...] = ()


class Counters(Struct, frozen=True):
    """Holds what each pod of the rate limit service said, by its name; a text says why one did not."""

    pods: dict[str, CounterPage | str]


async def cluster_counters(
    client: httpx2.AsyncClient,
    namespace: str,
    policy: str,
    most: int,
    *,
    now: Callable[[], float] | None = None,
) -> Counters:
    """Return what the pods of the rate limit service in a namespace say.

    Args:
        client: asks the API server.
        namespace: where the rate limit service runs.
        policy: only its limits (``namespace/name``), if it is named.
        most: how many counters are told.
        now: gives seconds since 1970, if values are to be shown: the key of the installation is read then.

    Raises:
        RequestError: The API server does not tell which pods there are, or does not give the key.
    """
    key = None if now is None else await installation_key(client, namespace)
    path = f"{PATH}?{urlencode({'policy': policy, 'most': most})}"

    async def ask(pod: Pod) -> CounterPage | str:
        shown = {}
        if key is not None and now is not None:
            shown = {PROOF_HEADER: proof(key, pod.metadata.uid, now())}
        try:
            for _ in range(_TRIES):
                answer = await ask_pod(
                    client, pod, pod.port("counters", COUNTERS_PORT), path, _Answer, shown=shown
                )
                if not answer.busy:
                    return answer
                await asyncio.sleep(_PAUSE_SECONDS)
        except RequestError as error:
            return f"cannot be asked: {error}"
        return "others ask all the time"

    running = [pod for pod in await pods(client, namespace, SERVICES) if pod.is_running]
    answers = await asyncio.gather(*(ask(pod) for pod in running))
    return Counters({pod.metadata.name: one for pod, one in zip(running, answers, strict=True)})


async def policies_instead(client: httpx2.AsyncClient, policy: str) -> tuple[str, ...] | None:
    """Return the policies that are in the namespace of ``policy`` (``namespace/name``) where it is not.

    None if it is there, or the API server does not tell.
    """
    namespace, _, name = policy.partition("/")
    path = f"/apis/{GROUP}/v1/namespaces/{quote(namespace, safe='')}/ratelimitpolicies"
    with contextlib.suppress(RequestError, msgspec.DecodeError):
        try:
            await get(client, f"{path}/{quote(name, safe='')}")
        except AbsentError:
            found = msgspec.json.decode(await get(client, path), type=_Policies).items
            return tuple(sorted(f"{namespace}/{one.metadata.name}" for one in found))
    return None


async def installation_key(client: httpx2.AsyncClient, namespace: str) -> bytes:
    """Return the key of an installation, by which who has it may see values.

    Raises:
        RequestError: It is not to be had.
    """
    body = await get(client, f"/api/v1/namespaces/{namespace}/secrets/{SECRET}")
    try:
        return keys_in(msgspec.json.decode(body, type=_Secret).data)[0]
    except (msgspec.DecodeError, ValueError) as error:
        raise RequestError(f"the Secret {namespace}/{SECRET}: {error}") from None
