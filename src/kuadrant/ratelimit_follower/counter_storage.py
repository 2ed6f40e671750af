"""Chooses where the service counts.

In memory, or in the store whose address is in the Secret that the resource names.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from kuadrant import log
from kuadrant.api.limitador import STORES, is_secret_name
from kuadrant.kube.client import FAILURES, describe
from kuadrant.ratelimit import RedisStore, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from kuadrant.ratelimit import RateLimitService

logger = log.get("ratelimit")

KEY: Final = "URL"
"""The key of the address in the Secret, as Limitador has it."""

RETRY_SECONDS = 1.0
ROTATION_SECONDS = 5.0
"""How often the Secret is read again while the store does not answer: the address in it may be a new one."""


class _Secret(Struct):
    data: dict[str, str] = {}


class Storage:
    """Has ``service`` count in the store of the wanted Secret of ``namespace``.

    ``changed`` is called when that is so, or fails. A Secret that the pod has in a folder of its name below
    ``stores`` is read there, any other is asked for.

    ``problem`` is why it is not so, None otherwise. The service goes on counting where it did until the
    wanted store has answered.
    """

    def __init__(
        self,
        namespace: str,
        client: httpx2.AsyncClient,
        service: RateLimitService,
        changed: Callable[[], None],
        *,
        stores: Path = Path(STORES),
    ) -> None:
        self._namespace = namespace
        self._client = client
        self._service = service
        self._changed = changed
        self._stores = stores
        self._wanted: str | None = None
        self._used: str | None = None
        self._url = ""
        self._attend = asyncio.Event()
        self.problem: str | None = None

    def has(self, secret: str | None) -> bool:
        """Tell whether it counts in the store of that Secret (in memory without one).

        If not, it will, and says so.
        """
        if secret != self._wanted:
            self._wanted, self.problem = secret, None
            self._attend.set()
        if secret is None and self._used is not None:
            self._used, self._service.store, old = None, None, self._service.store
            if old is not None:
                self._closing = asyncio.get_running_loop().create_task(old.close())
            logger.info("counting in memory")
        return secret == self._used

    async def run(self) -> None:
        """Connect until cancelled."""
        try:
            while True:
                try:
                    async with asyncio.timeout(ROTATION_SECONDS if self.problem is None else RETRY_SECONDS):
                        await self._attend.wait()
                except TimeoutError:
                    pass
                self._attend.clear()
                store = self._service.store
                is_away = store is not None and store.problem is not None
                if self._wanted is not None and (self._wanted != self._used or is_away):
                    await self._connect(self._wanted)
        finally:
            if self._service.store is not None:
                await self._service.store.close()

    async def _connect(self, secret: str) -> None:
        try:
            url = await self._address(secret)
            if secret == self._used and url == self._url:
                return  # the store itself is away, and is tried by those who use it
            store = RedisStore(url)
            try:
                await store.check()
            except BaseException:
                await store.close()
                raise
        except StoreError as error:
            self._say(f"spec.storage: the Secret {self._namespace}/{secret[:253]}: {error}")
            return
        except Exception as error:  # noqa: BLE001 - what a library makes of somebody's Secret must not end what runs
            # Its words may hold a part of the password.
            kind = type(error).__name__
            self._say(
                f"spec.storage: the Secret {self._namespace}/{secret[:253]}: the store cannot be used "
                f"({kind})"
            )
            return
        if secret != self._wanted:
            await store.close()
            return
        self._used, self._url, self._service.store, old = secret, url, store, self._service.store
        if old is not None:
            await old.close()
        logger.info("counting in the store", secret=f"{self._namespace}/{secret}")
        self._say(None)

    async def _address(self, secret: str) -> str:
        if not is_secret_name(secret):
            raise StoreError("is no name that a Secret can have")
        folder = self._stores / secret
        if folder.is_dir():
            return _address_in(folder)
        try:
            answer = await self._client.get(f"/api/v1/namespaces/{self._namespace}/secrets/{secret}")
        except FAILURES as error:
            raise StoreError(f"cannot be read: {describe(error)}") from None
        if answer.status_code == 404:
            raise StoreError("does not exist")
        if answer.status_code != 200:
            raise StoreError(f"cannot be read: the API server answers {answer.status_code}")
        try:
            data = msgspec.json.decode(answer.content, type=_Secret).data
            return base64.b64decode(data[KEY], validate=True).decode().strip()
        except (KeyError, msgspec.MsgspecError, binascii.Error, UnicodeDecodeError):
            raise StoreError(f"has no {KEY}") from None

    def _say(self, problem: str | None) -> None:
        if problem != self.problem and problem is not None:
            logger.error(problem)
        self.problem = problem
        self._changed()


def _address_in(folder: Path) -> str:
    """Return the address in the Secret that a pod has as a folder; what it holds is a few bytes in memory."""
    try:
        return (folder / KEY).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise StoreError(f"does not exist, or has no {KEY}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot be read: {type(error).__name__}") from None
