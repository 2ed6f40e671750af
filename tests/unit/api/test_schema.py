"""Schemas of structs: types, constraints, defaults and descriptions, and the union of two of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, field

from kuadrant.api.fields import Fields, by_key
from kuadrant.api.schema import schema, union


class Inner(Fields, frozen=True, gc=False, kw_only=True):
    """Inside.

    Where ``snake_case`` is spelled as in documents.
    """

    kind: Literal["a", "b"] = "a"
    note: str = ""


class Outer(Fields, frozen=True, gc=False, kw_only=True):
    """Outside."""

    name: Annotated[str, Meta(min_length=1, max_length=3, pattern="^a*$", description="Its name.")]
    small: Annotated[int, Meta(ge=1, le=9)] | None = None
    whole: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] = 0
    port_or_name: int | str | None = None
    some_flag: bool = False
    free: dict[str, Any] = field(default_factory=dict)
    parts: Annotated[tuple[Inner, ...], Meta(max_length=2, extra_json_schema=by_key("kind"))] = ()
    by_name: Annotated[dict[str, Inner], Meta(max_length=4)] = field(default_factory=dict)
    one: Annotated[Inner, Meta(description="What the field says goes before what its struct says.")] = Inner()


PROPERTIES = schema(Outer)["properties"]


def test_fields_without_default_are_required() -> None:
    assert schema(Outer)["required"] == ["name"]


def test_the_docstring_is_the_description() -> None:
    assert schema(Inner)["description"] == "Inside.\n\nWhere snakeCase is spelled as in documents."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "name",
            {
                "description": "Its name.",
                "type": "string",
                "minLength": 1,
                "maxLength": 3,
                "pattern": "^a*$",
            },
        ),
        ("small", {"type": "integer", "format": "int64", "minimum": 1, "maximum": 9}),
        ("whole", {"type": "integer", "format": "int64"}),
        ("portOrName", {"x-kubernetes-int-or-string": True}),
        ("someFlag", {"type": "boolean"}),
        ("free", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    ],
)
def test_a_field(name: str, expected: dict[str, Any]) -> None:
    assert PROPERTIES[name] == expected


def test_lists_and_maps_hold_schemas_of_their_entries() -> None:
    inner = schema(Inner)
    assert PROPERTIES["parts"] == {
        "type": "array",
        "items": inner,
        "maxItems": 2,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["kind"],
    }
    assert PROPERTIES["byName"] == {"type": "object", "additionalProperties": inner, "maxProperties": 4}


def test_only_what_is_more_than_an_absence_is_a_default() -> None:
    defaults = {name: part["default"] for name, part in PROPERTIES.items() if "default" in part}
    assert defaults == {"one": {"kind": "a"}}
    assert schema(Inner)["properties"]["kind"]["default"] == "a"


def test_what_the_field_says_goes_before_what_its_struct_says() -> None:
    assert PROPERTIES["one"]["description"] == "What the field says goes before what its struct says."


class One(Fields, frozen=True, gc=False, kw_only=True):
    """One."""

    shared: Annotated[str, Meta(min_length=1, max_length=3, pattern="^a$", description="Shared.")]
    sometimes: Annotated[Literal["a", "b"], Meta(description="Required here.")]
    item: Annotated[tuple[str, ...], Meta(description="Texts.")] = ()
    ours: Annotated[str, Meta(description="Ours.")] = ""


class Other(Fields, frozen=True, gc=False, kw_only=True):
    """Other."""

    shared: Annotated[str, Meta(min_length=2, max_length=2, pattern="^b$", description="Shared too.")]
    sometimes: Annotated[Literal["b", "c"], Meta(description="Optional here.")] = "c"
    item: Annotated[
        tuple[Annotated[Inner, Meta(description="An item.")], ...], Meta(description="Parts.")
    ] = ()
    theirs: Annotated[str, Meta(description="Theirs.")] = ""


def test_a_union_keeps_every_field_and_takes_what_either_takes() -> None:
    one = schema(One)
    one["properties"]["item"]["items"]["description"] = "A text."
    assert union(one, schema(Other), ("one", "other")) == {
        "description": "One.",
        "type": "object",
        "properties": {
            "shared": {"description": "Shared.", "type": "string", "minLength": 1, "maxLength": 3},
            "sometimes": {"description": "Required here.", "type": "string", "enum": ["a", "b", "c"]},
            "item": {
                "description": "Texts.",
                "type": "array",
                "items": {"description": "A text.", "x-kubernetes-preserve-unknown-fields": True},
            },
            "ours": {"description": "(one) Ours.", "type": "string"},
            "theirs": {"description": "(other) Theirs.", "type": "string"},
        },
        "required": ["shared"],
    }
