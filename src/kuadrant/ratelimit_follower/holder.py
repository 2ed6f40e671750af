"""Which limits the service holds: the last good ones of the resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.api.limitador import read_limits
from kuadrant.ratelimit import InvalidLimitsError

if TYPE_CHECKING:
    from kuadrant.api.limitador import Limitador
    from kuadrant.kube.kind import Key
    from kuadrant.ratelimit import RateLimitService

logger = log.get("ratelimit")

_HEADERS = "DRAFT_VERSION_03"


class Holder:
    """Puts the limits of the resource ``key`` into ``service``.

    ``generation`` is the resource's whose limits are held, None before the first. ``mistakes`` are those of the limits that
    the resource has now, ``count`` is how many these are.
    """

    def __init__(self, key: Key, service: RateLimitService) -> None:
        self._name = "/".join(key)
        self._service = service
        self._judged: bytes | None = None
        self._missing = False
        self.generation: int | None = None
        self.mistakes: tuple[str, ...] = ()
        self.count = 0

    @property
    def problem(self) -> str | None:
        """Why no limits are held; None if some are, or the resource holds none."""
        if self.generation is not None:
            return None
        if self._missing:
            return f"there is no Limitador {self._name}"
        if self.mistakes:
            return f"the limits of the Limitador {self._name} are wrong: {'; '.join(self.mistakes)}"
        return f"the Limitador {self._name} was not read yet"

    def take(self, limitador: Limitador | None) -> None:
        """Have the service hold the limits of ``limitador``; if it is gone or they are wrong, what is held stays."""
        if limitador is None:
            if not self._missing:
                held = "no limits are held" if self.generation is None else "its last limits stay"
                logger.warning(held, limitador=self._name, reason="there is no such resource")
            self._missing = True
            self._judged = None
            self.mistakes = ()
            return
        self._missing = False
        content = bytes(limitador.spec.limits)
        if content != self._judged:
            self._judged = content
            self._judge(limitador)
        self._service.headers = limitador.spec.rate_limit_headers == _HEADERS
        if not self.mistakes:
            self.generation = limitador.metadata.generation

    def refuse(self, limitador: Limitador, mistake: str) -> None:
        """Hold on to the last good limits, for a reason that is not in the limits of ``limitador``."""
        self._missing = False
        self._judged = None
        self.mistakes = (mistake,)
        self.count = len(read_limits(limitador.spec.limits)[0])

    def _judge(self, limitador: Limitador) -> None:
        generation = limitador.metadata.generation
        limits, mistakes = read_limits(limitador.spec.limits)
        self.count = len(limits)
        if not mistakes:
            try:
                self._service.replace(limits)
            except InvalidLimitsError as error:
                mistakes = error.errors
        self.mistakes = mistakes
        if not mistakes:
            logger.info("the limits are held", limitador=self._name, generation=generation, limits=self.count)
            return
        for mistake in mistakes:
            logger.error(mistake, limitador=self._name, generation=generation)
        logger.error(
            "no limits are held" if self.generation is None else "the last good limits stay",
            limitador=self._name,
            generation=generation,
            held=self.generation,
            mistakes=len(mistakes),
        )
