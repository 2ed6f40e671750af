"""Asks the API server whose token an Envoy shows."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from kuadrant import log
from kuadrant.kube.api_answers import read_status
from kuadrant.kube.client import FAILURES, describe
from kuadrant.operator.core.times import AGAIN_SECONDS, TOKEN_ANSWER_SECONDS
from kuadrant.xds import Bucket, Identity, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import httpx2

logger = log.get("kuadrant-operator")

_PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_POD: Final = "authentication.kubernetes.io/pod-name"
"""The API server says this of a token that is bound to a pod, as those are that a pod has as files."""
_ACCOUNT: Final = "system:serviceaccount:"
_AT_ONCE: Final = 8
"""Anybody can show anything: it must not keep us from asking for something else."""
_AT_ONCE_OF_AN_ADDRESS: Final = 2
_NEW: Final = 16.0
"""Tokens of an address that were never believed and are reviewed one right after the other."""
_NEW_A_SECOND: Final = 0.2
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


class _Address:
    """Bounds what an address may ask for."""

    def __init__(self, now: float) -> None:
        self.room = asyncio.Semaphore(_AT_ONCE_OF_AN_ADDRESS)
        self.new = Bucket(Rate(_NEW_A_SECOND, _NEW), now)


class _Answer(Struct, frozen=True):
    """Holds what the API server said last of a token, and when."""

    identity: Identity
    at: float


class TokenReviewer:
    """Asks the API server to which pods tokens are bound.

    While it cannot be asked, a token is what it was when it could: a proxy that is started again in a pod
    that stays shows the same. An address can have so many tokens reviewed that were never believed, and two
    at once: nobody waits for what another one shows (issue F, item 16).

    Args:
        client: asks the API server.
        audiences: who the tokens are made for.
        clock: gives seconds and does not go back.
    """

    def __init__(
        self,
        client: httpx2.AsyncClient,
        audiences: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._audiences = tuple(audiences)
        self._clock = clock
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._believed: dict[bytes, _Answer] = {}
        self._doubted: dict[bytes, _Answer] = {}
        self._addresses: dict[str, _Address] = {}
        self._said: str | None = None

    async def identify(self, token: str, address: str) -> Identity:
        """Return the pod that a token is bound to (namespace/name), or why it proves nothing.

        For a token that is not known it lasts until the API server has answered: an Envoy whose stream ended
        would come back after half a minute.

        Args:
            token: what was shown.
            address: the IP address from which it was shown.
        """
        digest = hashlib.sha256(token.encode()).digest()
        if (answer := self._fresh(digest)) is not None:
            return answer
        asking = self._asking(address)
        if digest not in self._believed and not asking.new.take(self._clock()):
            return Identity(
                problem="its address has shown too many that prove nothing; it may show another one later"
            )
        while True:
            async with asking.room:
                # Another stream of the pod may have asked meanwhile.
                answer = self._fresh(digest) or await self._ask(token, digest)
            if answer is not None:
                return answer
            await asyncio.sleep(AGAIN_SECONDS)

    def _fresh(self, digest: bytes) -> Identity | None:
        answer = self._believed.get(digest) or self._doubted.get(digest)
        return (
            answer.identity
            if answer is not None and self._clock() - answer.at < TOKEN_ANSWER_SECONDS
            else None
        )

    def _asking(self, address: str) -> _Address:
        """Return what an address asked for; of those quiet for longest, some are forgotten."""
        asking = self._addresses.pop(address, None) or _Address(self._clock())
        self._addresses[address] = asking
        if len(self._addresses) > _REMEMBERED:
            del self._addresses[next(iter(self._addresses))]
        return asking

    async def _ask(self, token: str, digest: bytes) -> Identity | None:
        """Return what the API server says, or has said where it cannot be asked; None if there is neither."""
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": self._audiences},
        }
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
        known = self._believed.get(digest)
        return None if known is None else known.identity

    def _note(self, digest: bytes, identity: Identity) -> None:
        self._believed.pop(digest, None)
        self._doubted.pop(digest, None)
        answers = self._believed if identity.pod else self._doubted
        answers[digest] = _Answer(identity, self._clock())
        if len(answers) > _REMEMBERED:
            del answers[next(iter(answers))]

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
