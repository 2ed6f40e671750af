"""Writes the resource's status: what became of its limits.

All but one condition is a function of the resource, never of what one process holds, so that several replicas
say the same:

* ``observedGeneration`` is the newest generation whose limits were taken by a replica. The others have them
  as soon as they hear of it; one that is cut off from the API server has its former ones, and its own metrics
  say which.
* The condition ``Ready`` is about the generation that it names: True if its limits were taken, False if none
  of them could be.
* ``kuadrant.io/LimitsValid`` is False where some of them are wrong and left out; it names them. What asks for
  one of them gets an error.
* ``kuadrant.io/LimitsKnown`` is the exception: it is False where a replica was lately asked for limits of
  policies that are not held. Whoever says so takes it back; the others do not contradict for five minutes, in
  which it may be out of their sight.
* ``leftOut`` and ``askedInVain`` say the same with the keys of the limits, for the operator, which knows the
  policies: what fits into 16 KiB, 100 at most.
* Replicas of two releases may judge a generation differently. Each takes a ``True`` of another one back once,
  and whoever holds the limits may say so again. So neither overwrites the other for ever, and it ends as
  ``True`` exactly if one holds them.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kuadrant.api.limit_packing import ALGORITHMS, COSTS, MODES, SOFT_ONES
from kuadrant.api.limit_packing import FIELD as PACKED
from kuadrant.api.limitador import TRACES, NotHeld, storage_secret
from kuadrant.api.meta import Condition
from kuadrant.api.response import READS
from kuadrant.status import merged_conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.api.limitador import LeftOut, Limitador, LimitadorService
    from kuadrant.ratelimit.unknown_limits import UnknownLimit

MANAGER: Final = "kuadrant-ratelimit"
"""The field manager of the status."""

READY: Final = "Ready"
VALID: Final = "kuadrant.io/LimitsValid"
KNOWN: Final = "kuadrant.io/LimitsKnown"

_SHOWN: Final = 10
_MOST_NAMED: Final = 100
_MOST_NAMED_BYTES: Final = 16 << 10
_LONGEST_REASON: Final = 300
_ANOTHERS_SECONDS: Final = 300


def owner(limitador: Limitador) -> str | None:
    """Return who else writes the conditions, such as the limitador-operator, whose status it then is.

    None if nobody does.
    """
    for entry in limitador.metadata.managed_fields:
        if entry.manager != MANAGER and entry.fields_v1.status.conditions is not None:
            return entry.manager
    return None


def wanted_status(
    limitador: Limitador,
    *,
    count: int,
    refused: str | None = None,
    left_out: Sequence[LeftOut] = (),
    unknown: Sequence[UnknownLimit] = (),
    said: str | None = None,
    names: bool = True,
    traces: bool = False,
    overruled: bool,
    service: LimitadorService,
    now: str,
) -> dict[str, Any] | None:
    """Return the status to apply, None to leave it as it is.

    ``count`` and ``left_out`` are those of the limits of ``limitador``, ``refused`` is why they are not
    taken, ``overruled`` is whether this process already said of this generation that some are wrong.
    ``unknown`` are the limits that were asked for in vain, ``said`` is what this process last said of such.
    ``service`` is where limits are asked for, ``now`` is an RFC 3339 text in UTC. ``names`` is whether the
    kind has the fields that are ours alone, ``traces`` whether this process can send any.
    """
    if owner(limitador) is not None:
        return None
    status, generation = limitador.status, limitador.metadata.generation
    former = [one for one in status.conditions if _is_ours(one)]
    by_type = {condition["type"]: condition for condition in former}
    is_held = status.observed_generation == generation and all(
        by_type.get(kind, {}).get("status") == "True" for kind in (READY, *([VALID] if left_out else []))
    )
    if (refused or left_out) and is_held and overruled:
        return None
    wanted = [_refused(refused)] if refused else _taken(limitador, count, left_out, traces=traces)
    is_anothers = _is_anothers(by_type.get(KNOWN), said, now, seen=bool(unknown))
    wanted += [] if is_anothers else [_known(unknown)]
    out = status.left_out or () if refused else _keys_of(left_out)
    in_vain = status.asked_in_vain or () if is_anothers else (NotHeld(*one) for one in unknown)
    read = [*_READ, *([TRACES] if traces else [])]
    ours = (read, _named(out), _named(in_vain)) if names else ()
    observed = status.observed_generation if refused else generation
    conditions = merged_conditions(
        former, wanted, ours={condition.type for condition in wanted}, generation=generation, now=now
    )
    return {
        **({"observedGeneration": observed} if observed else {}),
        **dict(zip(_OUR_FIELDS, ours, strict=False)),
        "conditions": conditions,
        "service": msgspec.to_builtins(service),
    }


_READ: Final = [PACKED, ALGORITHMS, MODES, SOFT_ONES, COSTS, READS]
_OURS: Final = (READY, VALID, KNOWN)
_OUR_FIELDS: Final = ("reads", "leftOut", "askedInVain")


def _is_anothers(former: dict[str, Any] | None, said: str | None, now: str, *, seen: bool) -> bool:
    """Whether what stands there of unknown limits is another replica's word, to be left as it is."""
    if former is None or former["status"] != "False" or former.get("message") == said:
        return False
    return seen or _seconds(former.get("lastTransitionTime"), now) < _ANOTHERS_SECONDS


def _seconds(since: object, now: str) -> float:
    try:
        return (dt.datetime.fromisoformat(now) - dt.datetime.fromisoformat(str(since))).total_seconds()
    except (TypeError, ValueError):
        return _ANOTHERS_SECONDS


def _is_ours(condition: dict[str, Any]) -> bool:
    return isinstance(condition.get("status"), str) and condition.get("type") in _OURS


def _taken(limitador: Limitador, count: int, left_out: Sequence[LeftOut], *, traces: bool) -> list[Condition]:
    return [_held(limitador, count, len(left_out), traces=traces), _valid(left_out)]


def _held(limitador: Limitador, count: int, left_out: int, *, traces: bool) -> Condition:
    message = f"{count} limits are held"
    if left_out:
        message += f" and {left_out} left out"
    if secret := storage_secret(limitador.spec.storage):
        message += f", counted in the store of the Secret {secret}"
    elif limitador.spec.storage:
        message += (
            "; spec.storage is supported as redis or redis-cached with a configSecretRef: "
            "counters are in memory, of each replica by itself"
        )
    if not_read := [name for name in limitador.spec.not_read if not (traces and name == TRACES)]:
        fields = ", ".join(f"spec.{name}" for name in not_read)
        message += f"; nothing follows from {fields}, which only the limitador-operator reads"
    return Condition(type=READY, status="True", reason="Ready", message=message[:1000])


def _refused(reason: str) -> Condition:
    return Condition(
        type=READY,
        status="False",
        reason="InvalidLimits",
        message=f"the limits are not taken, the last good ones stay: {reason[:1000]}",
    )


def _valid(left_out: Sequence[LeftOut]) -> Condition:
    if not left_out:
        return Condition(type=VALID, status="True", reason="Valid", message="every limit is held")
    return Condition(
        type=VALID,
        status="False",
        reason="LimitsLeftOut",
        message=(
            f"left out, and an error for whoever asks for them: {_listed(map(str, left_out), len(left_out))}"
        ),
    )


def _known(unknown: Sequence[UnknownLimit]) -> Condition:
    if not unknown:
        return Condition(type=KNOWN, status="True", reason="Known", message="no other limits are asked for")
    return Condition(
        type=KNOWN,
        status="False",
        reason="UnknownLimitAsked",
        message=f"asked for, but not held, which is an error: {_listed(map(str, unknown), len(unknown))}",
    )


def known_message(status: dict[str, Any]) -> str | None:
    """Return what a status that was applied says of unknown limits; None if it knows of none."""
    for condition in status["conditions"]:
        if condition["type"] == KNOWN and condition["status"] == "False":
            message: str = condition["message"]
            return message
    return None


def _keys_of(left_out: Sequence[LeftOut]) -> Iterable[NotHeld]:
    return (
        NotHeld(one.namespace, key, "; ".join(one.reasons)[:_LONGEST_REASON])
        for one in left_out
        for key in sorted(one.keys)
    )


def _named(limits: Iterable[NotHeld]) -> list[dict[str, str]]:
    """As many of them as may be named."""
    named: list[dict[str, str]] = []
    size = 0
    for limit, _ in zip(limits, range(_MOST_NAMED), strict=False):
        named.append(msgspec.to_builtins(limit))
        size += len(msgspec.json.encode(limit))
        if size > _MOST_NAMED_BYTES:
            return named[:-1]
    return named


def lacks_our_fields(refusal: str) -> bool:
    """Tell whether a status was refused since the kind's definition is another one, without our fields."""
    return any(f".{name}" in refusal for name in _OUR_FIELDS)


def _listed(texts: Iterable[str], count: int) -> str:
    # The API server takes 32,768 characters, and a text of somebody's may have any length.
    shown = [text[:1000] for text, _ in zip(texts, range(_SHOWN), strict=False)]
    return "; ".join([*shown, *([f"and {count - _SHOWN} more"] if count > _SHOWN else [])])
