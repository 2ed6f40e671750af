"""Those who have to agree on every request: the service, and the reference model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from kuadrant.api.limit_keys import VIOLATED_HEADER
from kuadrant.api.limitador import Limit
from kuadrant.api.response import HEADERS_KEY
from kuadrant.envoy_api import message
from kuadrant.ratelimit import RateLimitService
from kuadrant.ratelimit.denial_term import KEY
from kuadrant.reference_model import Counters
from kuadrant.reference_model.client_headers import headers
from kuadrant.reference_model.counters import again

from .sequences import SCOPE, SECOND, Call, key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.api.response import HeaderForm

REQUEST: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
NOT_ENFORCED = {
    "kuadrant_ratelimit_shadow_limited_calls_total",
    "kuadrant_ratelimit_soft_exceeded_calls_total",
}
RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
Answer = tuple[bool, tuple[tuple[str, str], ...]]
WithoutRoom = dict[str, int]
"""In how many calls each limit that is not enforced had no room."""


def encoded(call: Call) -> bytes:
    listed = [{"key": name, "value": value} for name, value in call.entries]
    return bytes(REQUEST(domain=SCOPE, descriptors=[{"entries": listed}]).SerializeToString())


def decoded(answer: bytes) -> Answer:
    """The verdict, and the headers that a client gets: what only the gateway is told is left out."""
    read = RESPONSE.FromString(answer)
    told = tuple((one.key, one.value) for one in read.response_headers_to_add if one.key != VIOLATED_HEADER)
    return read.overall_code == RESPONSE.OVER_LIMIT, told


def term(answer: bytes) -> list[int]:
    """The numbers of a denial's term; none where the answer has none."""
    said = RESPONSE.FromString(answer).dynamic_metadata
    return [int(one) for one in said[KEY].split()] if KEY in said.fields else []


class InMemory:
    """The service, at the moments of calls."""

    def __init__(self, limits: Sequence[Limit], counter_bytes: int = 1 << 20) -> None:
        self._now = 0
        self.service = RateLimitService(
            limits, clock=lambda: self._now / SECOND, headers=True, counter_bytes=counter_bytes
        )

    def ask(self, call: Call) -> Answer:
        return decoded(self.raw(call))

    def raw(self, call: Call) -> bytes:
        self._now = call.now
        return self.service.decide(encoded(call))

    @property
    def without_room(self) -> WithoutRoom:
        return without_room(self.service)


def without_room(service: RateLimitService) -> WithoutRoom:
    metrics = text_string_to_metric_families(service.metrics().decode())
    samples = [one for family in metrics for one in family.samples if one.name in NOT_ENFORCED]
    assert all(one.labels["limitador_namespace"] == SCOPE for one in samples)
    return {one.labels["limit_name"]: int(one.value) for one in samples}


class Model:
    """The reference model, likewise."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._counters = Counters(tuple(limits))
        self.without_room: WithoutRoom = {}

    def ask(self, call: Call) -> Answer:
        answer, self._counters = self._counters.ask(SCOPE, call.entries, call.now / SECOND)
        for name in {one.standing.limit.name for one in answer.watched if one.is_full}:
            self.without_room[name] = self.without_room.get(name, 0) + 1
        seconds = again((answer,)) if answer.limited else None
        told = () if seconds is None else (("retry-after", str(seconds)),)
        return answer.limited, (*told, *headers((answer,), _form(call)))


def _form(call: Call) -> HeaderForm:
    form: Any = dict(call.entries).get(HEADERS_KEY, "Draft03")
    return form  # type: ignore[no-any-return]


def moving(algorithm: str, most: int = 10, seconds: int = 10, **more: Any) -> Limit:
    conditions = (f'descriptors[0]["{key(0)}"] == "1"',)
    return Limit(
        namespace=SCOPE, max_value=most, seconds=seconds, conditions=conditions,
        algorithm=algorithm, **more,  # type: ignore[arg-type]
    )  # fmt: skip
