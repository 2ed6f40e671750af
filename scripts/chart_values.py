"""The values of the chart: what each is called, what it is, what it may be and what it is by default.

values.yaml, values.schema.json and docs/values.md are made from these records.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from scripts.installation import dumped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WIDTH: Final = 110


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value that somebody may set.

    Attributes:
        name: Its name within its group.
        description: What it is.
        default: What it is when nobody sets it.
        schema: What it may be, as keywords of JSON schema (draft 7, which every Helm 3 knows).
    """

    name: str
    description: str
    default: Any
    schema: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Values under one name; the chart's own has none.

    Attributes:
        name: The name.
        description: What they have in common.
        members: They, in the order in which they are shown.
        other: What may stand in place of the whole group, as a schema.
        unlisted: What may be set, too, and is not in values.yaml, as schemas by name.
    """

    name: str = ""
    description: str
    members: tuple[Value | Group, ...]
    other: Mapping[str, Any] | None = None
    unlisted: Mapping[str, Any] = field(default_factory=dict)


def values(group: Group, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Each value by the name that ``--set`` takes."""
    for member in group.members:
        if isinstance(member, Group):
            yield from values(member, f"{prefix}{member.name}.")
        else:
            yield f"{prefix}{member.name}", member


def text(group: Group) -> str:
    """The group as values.yaml, each value below what it is."""
    return "\n".join("".join(_lines(member, "")) for member in group.members)


def _lines(member: Value | Group, indent: str) -> Iterator[str]:
    comment = textwrap.wrap(
        member.description, _WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False
    )
    yield from (f"{indent}# {line}\n" for line in comment)
    if isinstance(member, Value):
        yield textwrap.indent(_written(member), indent)
        return
    yield f"{indent}{member.name}:\n"
    for inner in member.members:
        yield from _lines(inner, f"{indent}  ")


def _written(value: Value) -> str:
    """The value as YAML: what has names in lines, anything else in one."""
    nested = isinstance(value.default, dict | list) and json.dumps(value.default).count("{") > 0
    if (nested and value.default) or (isinstance(value.default, str) and value.default):
        return dumped({value.name: value.default})
    return f"{value.name}: {json.dumps(value.default)}\n"


def schema(group: Group) -> dict[str, Any]:
    """The group as a JSON schema: it takes the names that are there, all of them, and no others.

    Whoever upgrades by the values of a chart that knew fewer names is told so, instead of losing defaults.
    """
    properties = {
        member.name: (
            schema(member)
            if isinstance(member, Group)
            else {"description": member.description, **member.schema}
        )
        for member in group.members
    }
    object_ = {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": {**properties, **group.unlisted},
    }
    if group.other is None:
        return {"description": group.description, **object_}
    return {
        "description": group.description,
        "if": {"type": "object"},
        "then": object_,
        "else": dict(group.other),
    }
