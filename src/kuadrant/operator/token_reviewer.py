"""Whose token an Envoy shows, by the API server's word."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from kuadrant import log
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.wire import read_status
from kuadrant.xds import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx2

logger = log.get("kuadrant-operator")

_PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_POD: Final = "authentication.kubernetes.io/pod-name"
"""What the API server knows of a token that is bound to a pod, as those are that a pod has as files."""
_ACCOUNT: Final = "system:serviceaccount:"
_AGAIN_SECONDS: Final = 1.0
_AT_ONCE: Final = 8
"""Anybody can show anything: it must not keep us from asking for something else."""
_REMEMBERED: Final = 10_000


class _User(Struct, frozen=True):
    username: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class _Status(Struct, frozen=True):
    authenticated: bool = False
    user: _User = _User()
    error: str = ""


class _Review(Struct, frozen=True):
    status: _Status = _Status()


class TokenReviewer:
    """Asks the API server whose tokens are that were made for one of ``audiences``.

    While it cannot be asked, a token is what it was when it could: a proxy that is started again in a pod that stays shows the same.
    """

    def __init__(self, client: httpx2.AsyncClient, audiences: Iterable[str]) -> None:
        self._client = client
        self._audiences = tuple(audiences)
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._known: dict[bytes, Identity] = {}
        self._said: str | None = None

    async def identify(self, token: str) -> Identity:
        """Return the pod (``namespace/name``) that ``token`` is bound to, or why it proves nothing.

        For a token that is not known it lasts until the API server has answered: an Envoy whose stream ended would come back after
        half a minute.
        """
        digest = hashlib.sha256(token.encode()).digest()
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": self._audiences},
        }
        while True:
            problem = ""
            try:
                async with self._room:
                    answer = await self._client.post(_PATH, json=review)
                if answer.is_success:
                    identity = _identity(msgspec.json.decode(answer.content, type=_Review).status)
                    self._note(digest, identity)
                    return identity
                problem = read_status(answer.status_code, answer.content).message
            except FAILURES as error:
                problem = describe(error)
            except msgspec.DecodeError as error:
                problem = f"the answer cannot be read: {error}"
            finally:
                self._report(problem)
            if (known := self._known.get(digest)) is not None:
                return known
            await asyncio.sleep(_AGAIN_SECONDS)

    def _note(self, digest: bytes, identity: Identity) -> None:
        self._known.pop(digest, None)
        if identity.pod:
            self._known[digest] = identity
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def _report(self, problem: str) -> None:
        if problem and problem != self._said:
            logger.warning("tokens of gateways cannot be reviewed", problem=problem)
        self._said = problem


def _identity(status: _Status) -> Identity:
    if not status.authenticated:
        return Identity(problem=f"the API server does not believe it: {status.error or 'no reason given'}")
    pods = status.user.extra.get(_POD, ())
    if not status.user.username.startswith(_ACCOUNT) or len(pods) != 1:
        return Identity(problem=f"it is one of {status.user.username}, bound to no pod")
    namespace = status.user.username.removeprefix(_ACCOUNT).partition(":")[0]
    return Identity(pod=f"{namespace}/{pods[0]}", problem="")
