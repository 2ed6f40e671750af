"""What limits have besides Kuadrant's own fields: by a field, or by the annotation of their policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kuadrant.api.algorithm import TOKEN_BUCKET
from kuadrant.api.nodes import place_of, quoted
from kuadrant.api.policy_extensions import ANNOTATION, read_extensions
from kuadrant.api.rate_limit_policy import LimitExtensions
from kuadrant.policy.model import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.api.policy_extensions import ReadExtensions
    from kuadrant.policy.model import PolicyLimit

_FIELD = ("metadata", "annotations", ANNOTATION)
_NAMES = LimitExtensions.__struct_fields__


def with_extensions(
    limits: tuple[PolicyLimit, ...],
    fields: Mapping[str, LimitExtensions],
    annotations: Mapping[str, str],
    block: tuple[str, ...],
) -> tuple[tuple[PolicyLimit, ...], tuple[Mistake, ...]]:
    """Return the limits with what their fields or the annotation say, and what is wrong with it.

    Args:
        limits: the limits without extensions.
        fields: what the fields of each limit say, by its name.
        annotations: those of the policy.
        block: the path of the limits' block in the document.
    """
    text = annotations.get(ANNOTATION)
    said = None if text is None else read_extensions(text)
    mistakes = [] if said is None else [*_misread(said), *_differing(said, fields)]
    result = []
    for limit in limits:
        by_annotation = None if said is None else said.extensions.limits.get(limit.name)
        both = _values(by_annotation) | _values(fields[limit.name])
        if both.get("burst") is not None and both.get("algorithm") != TOKEN_BUCKET:
            message = f"is of a TokenBucket: add `algorithm: {TOKEN_BUCKET}`, or remove it"
            if fields[limit.name].burst is None:
                place = _place(said, limit.name, "burst")
                mistakes.append(_mistake(f"limits.{limit.name}.burst", message, place))
            else:
                mistakes.append(Mistake((*block, "limits", limit.name, "burst"), message, refuses=True))
        result.append(replace(limit, **both) if both else limit)
    return tuple(result), tuple(mistakes)


def _values(extensions: LimitExtensions | None) -> dict[str, Any]:
    return {name: value for name in _NAMES if (value := getattr(extensions, name, None)) is not None}


def _misread(said: ReadExtensions) -> Iterator[Mistake]:
    for one in said.mistakes:
        yield _mistake(one.field, one.message, one.at)


def _differing(said: ReadExtensions, fields: Mapping[str, LimitExtensions]) -> Iterator[Mistake]:
    for name, extensions in said.extensions.limits.items():
        if name not in fields:
            message = f"is no limit of this policy, which has {', '.join(sorted(fields)) or 'none'}"
            yield _mistake(f"limits.{name}", message, _place(said, name))
            continue
        by_field = _values(fields[name])
        for field, value in _values(extensions).items():
            if by_field.get(field, value) != value:
                message = f"is {value}, but the field of the limit is {by_field[field]}: leave one out"
                yield _mistake(f"limits.{name}.{field}", message, _place(said, name, field))


def _place(said: ReadExtensions | None, *path: str) -> tuple[int, int]:
    return (0, 0) if said is None or said.node is None else place_of(said.node, ("limits", *path))


def _mistake(field: str, message: str, at: tuple[int, int]) -> Mistake:
    return Mistake(_FIELD, f"{quoted(field)} {message}" if field else message, at, refuses=True)
