"""Holds what each Gateway has its clients told of limits, while Gateways and the Kuadrant change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.incremental import are, kept
from kuadrant.policy.oldest_kuadrant import oldest
from kuadrant.policy.response_precedence import response_in_effect
from kuadrant.policy.response_sources import response_of_gateway, response_of_installation

if TYPE_CHECKING:
    from kuadrant.api.objects import Objects
    from kuadrant.api.response import Response
    from kuadrant.policy.model import Problem


class ResponseTable:
    """Keeps each Gateway's word where policies leave it open, and where it says nothing the Kuadrant's."""

    def __init__(self) -> None:
        self._responses: dict[str, Response] = {}
        self._seen: tuple[object, object] = (None, None)
        self.problems: tuple[Problem, ...] = ()

    def update(self, objects: Objects) -> frozenset[str]:
        """Take over what ``objects`` say; return the Gateways of which something else holds than before."""
        seen = (objects.gateways, objects.kuadrants)
        if are(self._seen, seen):
            return frozenset()
        self._seen = seen
        former = self._responses
        installation, problems = response_of_installation(oldest(objects.kuadrants))
        self._responses = {}
        for gateway in objects.gateways:
            said, found = response_of_gateway(gateway)
            key = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
            self._responses[key] = response_in_effect(said, installation)
            problems += found
        self.problems = kept(self.problems, tuple(sorted(problems)))
        return frozenset(
            key for key, response in self._responses.items() if key in former and response != former[key]
        )

    def of(self, gateway: str) -> Response:
        """Return what holds for a Gateway that is there, by ``namespace/name``."""
        return self._responses[gateway]
