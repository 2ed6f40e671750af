"""A request to the rate limit service, read.

What can be asked at all, and what has been found out about it before.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from google.protobuf.message import DecodeError

from kuadrant.api.limit_expressions import DescriptorList
from kuadrant.api.limit_keys import AGAIN_KEY, SHADOW_KEY, SOFT_KEY, asked_keys, counts_hits, hits_of
from kuadrant.api.response import FIELDS_TOO, HEADERS, HEADERS_KEY, HeaderForm
from kuadrant.envoy_api import message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.ratelimit.counters import Ask
    from kuadrant.ratelimit.metrics import Calls

MOST_BYTES: Final = 256 * 1024
"""Of one request: four times what Envoy takes as the headers of one."""
MOST_ENTRIES: Final = 2048
"""Of one request, descriptors included."""

_REMEMBERED_BYTES: Final = 4 << 20
_LONGEST_REMEMBERED: Final = 4096
_MOST_ASKS_REMEMBERED: Final = 512
_ASK_BYTES: Final = 200
_QUESTION_BYTES: Final = 600

Again = Literal["", "told", "only"]
_Request: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")


class InvalidRequestError(ValueError):
    """A request is not one that can be decided; the text says why."""


class Asked(NamedTuple):
    """The contents of a request.

    ``hits`` are what each descriptor costs, ``keys`` those of policies' limits that it asks for. ``form`` is
    that of the headers that it asks for, None if it leaves that to us. ``shadows`` are keys of limits that
    refuse nobody. ``again`` is whether it asks when one more would be admitted, ``only`` without a decision.
    ``costs`` are the hits that the request is for limits, by their keys; of others it is as ``hits`` says.
    ``soft`` is whether it asks which soft limits are exceeded.
    """

    domain: str
    descriptors: DescriptorList
    hits: Sequence[int]
    keys: tuple[str, ...]
    form: HeaderForm | Literal["FieldsToo"] | None = None
    shadows: frozenset[str] = frozenset()
    again: Again = ""
    costs: Mapping[str, int] = MappingProxyType({})
    soft: bool = False

    def without(self, keys: Iterable[str]) -> Asked | None:
        """Return what is asked without ``keys``; None if one of them may refuse, or there are none."""
        gone = frozenset(keys)
        if not gone or not gone <= self.shadows:
            return None
        descriptors = DescriptorList(
            {key: value for key, value in one.items() if key not in gone} for one in self.descriptors
        )
        kept = tuple(key for key in self.keys if key not in gone)
        return self._replace(descriptors=descriptors, keys=kept, shadows=self.shadows - gone)

    @property
    def is_of_gateway(self) -> bool:
        """Tell whether the module of a gateway of ours asks so.

        For limits of policies, and to count one request.
        """
        return bool(self.keys) and self.hits == [1]


def read(request: bytes) -> Asked:
    """Read an encoded ``RateLimitRequest``.

    What no configuration of a gateway can ask for is refused: limits of policies are asked for in one
    descriptor, and each request counts once, but for limits of which the descriptor says how often.

    Raises:
        InvalidRequestError: It is no such message, is too large, has no domain, gives hits back, or asks for
            a limit of a policy in another way than gateways do.
    """
    if len(request) > MOST_BYTES:
        raise InvalidRequestError(f"the request has {len(request)} bytes, at most {MOST_BYTES} are read")
    try:
        asked = _Request.FromString(request)
    except DecodeError:
        raise InvalidRequestError("not a RateLimitRequest") from None
    if not asked.domain:
        raise InvalidRequestError("domain: is empty")
    # The least that an entry takes is two bytes.
    if len(request) > 2 * MOST_ENTRIES and _entries(asked) > MOST_ENTRIES:
        raise InvalidRequestError(f"descriptors: have more than {MOST_ENTRIES} entries")
    default = asked.hits_addend or 1
    descriptors, hits = DescriptorList(), []
    for descriptor in asked.descriptors:
        if descriptor.is_negative_hits:
            raise InvalidRequestError("descriptors: is_negative_hits is not supported")
        descriptors.append({entry.key: entry.value for entry in descriptor.entries})
        hits.append(descriptor.hits_addend.value if descriptor.HasField("hits_addend") else default)
    keys = tuple(key for one in descriptors for key in asked_keys(one))
    if keys:
        _check_form(asked, keys, hits)
    shadows = frozenset(key for one in descriptors for key in one.get(SHADOW_KEY, "").split(",") if key)
    costs = _costs(descriptors) if keys else {}
    hits = hits or [default]
    return Asked(
        domain=asked.domain,
        descriptors=descriptors,
        hits=hits,
        keys=keys,
        form=_form(descriptors),
        shadows=shadows,
        again=_again(descriptors),
        costs=costs,
        soft=any(one.get(SOFT_KEY) == "told" for one in descriptors),
    )


def _again(descriptors: DescriptorList) -> Again:
    words: tuple[Again, ...] = ("told", "only")
    return next((word for one in descriptors for word in words if one.get(AGAIN_KEY) == word), "")


def _costs(descriptors: DescriptorList) -> dict[str, int]:
    try:
        return {key: hits for one in descriptors for key, hits in hits_of(one).items()}
    except ValueError as error:
        raise InvalidRequestError(f"descriptors: {error}") from None


def _form(descriptors: DescriptorList) -> HeaderForm | Literal["FieldsToo"] | None:
    forms = (form for one in descriptors for form in (*HEADERS, FIELDS_TOO) if one.get(HEADERS_KEY) == form)
    return next(forms, None)


def _entries(asked: Any) -> int:
    descriptors = len(asked.descriptors)
    if descriptors > MOST_ENTRIES:
        return descriptors
    return descriptors + sum(len(one.entries) for one in asked.descriptors)


def _check_form(asked: Any, keys: Sequence[str], hits: Sequence[int]) -> None:
    if len(asked.descriptors) != 1:
        raise InvalidRequestError("descriptors: limits of policies are asked for in one descriptor")
    if hits[0] != 1 and not all(map(counts_hits, keys)):
        raise InvalidRequestError("hits_addend: limits of policies count each request once")


def domain_of(request: bytes) -> bytes:
    """The domain of an encoded request where it is written first, as all writers do.

    Empty if it cannot be told so.

    It says whose turn it is, and nothing about what is counted.
    """
    if request[:1] != b"\n" or len(request) < 3:
        return b""
    if request[1] < 0x80:
        return request[2 : 2 + request[1]]
    if request[2] < 0x80:
        return request[3 : 3 + (request[1] & 0x7F | request[2] << 7)]
    return b""


class Question(NamedTuple):
    """A request, looked up: the counters of the limits that apply, and what it costs.

    Also where its answer is counted, and whose it is. ``is_of_gateway`` and ``form`` are those of ``Asked``.
    ``watched`` are the counters of limits that are not enforced, which are not among ``asks``. ``again`` and
    ``soft`` are as those of ``Asked``.
    """

    calls: Calls
    asks: Sequence[Ask]
    hits: int
    tenant: str
    is_of_gateway: bool
    form: HeaderForm | Literal["FieldsToo"] | None = None
    watched: Sequence[Ask] = ()
    again: Again = ""
    soft: bool = False

    def answered_in(self, *, headers: bool) -> HeaderForm:
        """Return the form of the headers of a service that sends ``headers`` of itself, or none."""
        if self.form == FIELDS_TOO:
            return "Both" if headers else "RateLimit"
        return self.form or ("Draft03" if headers else "None")

    @property
    def number(self) -> int:
        """Return the number of counters."""
        return len(self.asks) + len(self.watched)


class Questions:
    """Questions by the bytes of their requests, which depend on nothing else but the limits.

    Gateways ask the same again and again.

    Those that were asked again lately stay, within a bound of bytes.
    """

    def __init__(self, most_bytes: int = _REMEMBERED_BYTES) -> None:
        self._most = most_bytes // 2
        self._young: dict[bytes, Question] = {}
        self._old: dict[bytes, Question] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, request: bytes) -> Question | None:
        """The question of a request that was asked before, if it is remembered."""
        found = self._young.get(request)
        if found is None and (found := self._old.pop(request, None)) is not None:
            self.put(request, found)
        return found

    def put(self, request: bytes, question: Question) -> None:
        """Remember a question, if it is a small one."""
        if len(request) > _LONGEST_REMEMBERED or question.number > _MOST_ASKS_REMEMBERED:
            return
        size = _QUESTION_BYTES + len(request) + _ASK_BYTES * question.number
        if self._size + size > self._most:
            self._old, self._young, self._size = self._young, {}, 0
        self._young[request] = question
        self._size += size

    def clear(self) -> None:
        """Forget all: the limits are others."""
        self._young, self._old, self._size = {}, {}, 0
