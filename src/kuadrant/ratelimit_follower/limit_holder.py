"""Holds the last good limits of the resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.api.limit_packing import limits_of

if TYPE_CHECKING:
    from kuadrant.api.limitador import LeftOut, Limitador
    from kuadrant.kube.kind import Key
    from kuadrant.ratelimit import RateLimitService

logger = log.get("ratelimit")

_HEADERS = "DRAFT_VERSION_03"
_LOGGED = 20


class Holder:
    """Puts the limits of the resource ``key`` into ``service``.

    ``generation`` is the resource's whose limits are held, None before the first. ``refused`` is why the
    limits that the resource has now are not taken as a whole; ``left_out`` are those of them that are wrong,
    ``count`` is how many are held.
    """

    def __init__(self, key: Key, service: RateLimitService) -> None:
        self._name = "/".join(key)
        self._service = service
        self._judged: tuple[bytes, tuple[str, ...]] | None = None
        self._missing = False
        self.generation: int | None = None
        self.refused: str | None = None
        self.left_out: tuple[LeftOut, ...] = ()
        self.count = 0

    @property
    def problem(self) -> str | None:
        """The reason why no limits are held; None if some are, or the resource holds none."""
        if self.generation is not None:
            return None
        if self._missing:
            return f"there is no Limitador {self._name}"
        if self.refused:
            return f"the limits of the Limitador {self._name} are not taken: {self.refused}"
        return f"the Limitador {self._name} was not read yet"

    def take(self, limitador: Limitador | None) -> None:
        """Have the service hold the limits of ``limitador``; if it is gone, what is held stays."""
        if limitador is None:
            if not self._missing:
                held = "no limits are held" if self.generation is None else "its last limits stay"
                logger.warning(held, limitador=self._name, reason="there is no such resource")
            self._missing = True
            self._judged = None
            self.refused = None
            return
        self._missing = False
        content = (bytes(limitador.spec.limits), limitador.spec.packed_limits)
        if content != self._judged:
            self._judged = content
            self._judge(limitador)
        self._service.headers = limitador.spec.rate_limit_headers == _HEADERS
        if self.refused is None:
            self.generation = limitador.metadata.generation

    def refuse(self, mistake: str) -> None:
        """Hold on to the last good limits, for a reason that is not in the limits of the resource."""
        self._missing = False
        self._judged = None
        self.refused = mistake

    def _judge(self, limitador: Limitador) -> None:
        generation = limitador.metadata.generation
        limits, unreadable, self.refused = limits_of(limitador.spec)
        if self.refused is not None:
            logger.error(
                "no limits are held" if self.generation is None else "the last good limits stay",
                limitador=self._name,
                generation=generation,
                held=self.generation,
                reason=self.refused,
            )
            return
        self.left_out = self._service.take(limits, unreadable)
        self.count = len(limits) + len(unreadable) - len(self.left_out)
        for one in self.left_out[:_LOGGED]:
            logger.error("a limit is left out", limitador=self._name, generation=generation, reason=str(one))
        logger.info(
            "the limits are held",
            limitador=self._name,
            generation=generation,
            limits=self.count,
            left_out=len(self.left_out),
        )
