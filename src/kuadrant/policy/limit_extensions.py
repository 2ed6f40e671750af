"""What limits have besides Kuadrant's own fields: by a field, or by the annotation of their policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kuadrant.api.algorithm import TOKEN_BUCKET
from kuadrant.api.rate_limit_policy import LimitExtensions
from kuadrant.policy.extensions import mistake_at
from kuadrant.policy.model import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.api.policy_extensions import Extensions, ReadExtensions
    from kuadrant.policy.model import PolicyLimit

_NAMES = LimitExtensions.__struct_fields__


def with_extensions(
    limits: tuple[PolicyLimit, ...],
    fields: Mapping[str, LimitExtensions],
    said: ReadExtensions[Extensions],
    block: tuple[str, ...],
) -> tuple[tuple[PolicyLimit, ...], tuple[Mistake, ...]]:
    """Return the limits with what their fields or the annotation say, and what is wrong with it.

    Args:
        limits: the limits without extensions.
        fields: what the fields of each limit say, by its name.
        said: what the annotation says.
        block: the path of the limits' block in the document.
    """
    mistakes = [*_differing(said, fields)]
    result = []
    for limit in limits:
        both = _values(said.extensions.limits.get(limit.name)) | _values(fields[limit.name])
        if both.get("burst") is not None and both.get("algorithm") != TOKEN_BUCKET:
            message = f"is of a TokenBucket: add `algorithm: {TOKEN_BUCKET}`, or remove it"
            if fields[limit.name].burst is None:
                mistakes.append(mistake_at(said, ("limits", limit.name, "burst"), message))
            else:
                mistakes.append(Mistake((*block, "limits", limit.name, "burst"), message, refuses=True))
        result.append(replace(limit, **both) if both else limit)
    return tuple(result), tuple(mistakes)


def _values(extensions: LimitExtensions | None) -> dict[str, Any]:
    return {name: value for name in _NAMES if (value := getattr(extensions, name, None)) is not None}


def _differing(said: ReadExtensions[Extensions], fields: Mapping[str, LimitExtensions]) -> Iterator[Mistake]:
    for name, extensions in said.extensions.limits.items():
        if name not in fields:
            message = f"is no limit of this policy, which has {', '.join(sorted(fields)) or 'none'}"
            yield mistake_at(said, ("limits", name), message)
            continue
        by_field = _values(fields[name])
        for field, value in _values(extensions).items():
            if by_field.get(field, value) != value:
                message = f"is {value}, but the field of the limit is {by_field[field]}: leave one out"
                yield mistake_at(said, ("limits", name, field), message)
