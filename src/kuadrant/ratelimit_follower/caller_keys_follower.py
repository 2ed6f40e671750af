"""Follows the keys of those who may ask the service.

What the Secret with the keys and the mark on the resource say, followed, and read anew before anybody is
refused.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct

from kuadrant import log
from kuadrant.api.caller_token import SECRET, keys_in, mark_of
from kuadrant.kube.client import FAILURES, describe
from kuadrant.kube.kind import Kind
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store

if TYPE_CHECKING:
    import httpx2

    from kuadrant.kube.kind import Key
    from kuadrant.ratelimit import Callers

logger = log.get("ratelimit")

PACE_SECONDS: Final = 1.0
"""A stranger causes one look in this time."""
_LOOK_SECONDS: Final = 0.5
_ONLY_METADATA: Final = {"accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}


class _Metadata(Struct, frozen=True):
    annotations: dict[str, str] = {}


class Marked(Struct, frozen=True):
    """An object of which the annotations matter."""

    metadata: _Metadata = _Metadata()


class KeySecret(Struct, frozen=True):
    """The Secret with the keys."""

    data: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without what it holds."""
        return "KeySecret()"


T = TypeVar("T", KeySecret, Marked)
SECRETS: Final = Kind("", "v1", "secrets", "Secret", KeySecret)


def keys_of(secret: KeySecret | None) -> tuple[bytes, ...]:
    """The keys of a Secret, none where they cannot be used: then everybody is served."""
    try:
        return () if secret is None else keys_in(secret.data)
    except ValueError:
        return ()


class CallersFollower:
    """Has ``callers`` hold the keys that are beside the Limitador ``key``.

    ``mark`` says what that resource is marked with.
    """

    def __init__(self, key: Key, limitador_path: str, client: httpx2.AsyncClient) -> None:
        self._secret = (key[0], SECRET)
        self._limitador_path = limitador_path
        self._client = client
        self._store = Store()
        self._table = self._store.add(SECRETS)
        self._store.listen(lambda _: self._take())
        self._follower = Follower(SECRETS, self._store, client, only=self._secret)
        self._mark = ""
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -PACE_SECONDS
        self._unread = asyncio.Event()
        self._callers: Callers | None = None

    def tell(self, callers: Callers) -> None:
        """Have these hold what is known, from now on."""
        self._callers = callers
        self._take()

    async def follow(self) -> None:
        """Follow the Secret until cancelled."""
        await self._follower.run()

    async def look_again(self) -> None:
        """Read what could not be read as soon as that is possible, until cancelled."""
        while True:
            await self._unread.wait()
            await asyncio.sleep(PACE_SECONDS)
            await self._look()

    def mark(self, mark: str) -> None:
        """The resource has this mark."""
        self._mark = mark
        self._take()

    def _take(self) -> None:
        if self._table.synced:
            self._hold(keys_of(self._table.get(*self._secret)), self._mark)

    def _hold(self, keys: tuple[bytes, ...], mark: str) -> None:
        if self._callers is not None and self._callers.hold(keys, mark):
            # What was heard may be older than what was looked up.
            self._looked_at = -PACE_SECONDS
            logger.info("who may ask", keys=len(keys), gateways_only=self._callers.is_strict)

    async def confirm(self) -> None:
        """Hold what is right at this moment, as far as it was not looked at a moment ago.

        If that cannot be read, refuse nobody.
        """
        now = asyncio.get_running_loop().time()
        if self._looking is None:
            if now < self._looked_at + PACE_SECONDS:
                return
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                secret, limitador = await asyncio.gather(
                    self._read(SECRETS.path(self._secret), KeySecret),
                    self._read(self._limitador_path, Marked),
                )
        except (*FAILURES, TimeoutError, msgspec.MsgspecError, _UnreadableError) as error:
            if not self._unread.is_set():
                logger.warning("who may ask cannot be read, so everybody may", problem=describe(error))
            self._unread.set()
            self._hold((), "")
        else:
            self._unread.clear()
            self._mark = "" if limitador is None else mark_of(limitador.metadata.annotations)
            self._hold(keys_of(secret), self._mark)
            self._looked_at = asyncio.get_running_loop().time()
        finally:
            self._looking = None

    async def _read(self, path: str, type_: type[T]) -> T | None:
        """Return what is there now, None if nothing is."""
        answer = await self._client.get(path, headers={} if type_ is KeySecret else _ONLY_METADATA)
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise _UnreadableError(f"the API server answers {answer.status_code}")
        return msgspec.json.decode(answer.content, type=type_)


class _UnreadableError(Exception):
    """The answer is neither what was asked for nor that it does not exist."""
