"""Write docs/fields.md: every field of our definitions, or with --check compare it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kuadrant.api.crd import custom_resource_definitions
from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE: Final = Path(__file__).parents[1] / "docs" / "fields.md"
_HEAD: Final = """\
# Fields

<!-- Made from the definitions by `make generate`. -->

Every field of `RateLimitPolicy` and `Kuadrant`, as `kubectl explain` tells them, too. `[]` is each item of a
list, `<name>` each entry by its name. What a limit means where one could expect something else is in
[semantics.md](semantics.md); what may stand in an expression is in [expressions.md](expressions.md).

A policy has its limits in one of `spec.limits`, `spec.defaults.limits` and `spec.overrides.limits`. They have
the same fields, which are listed once.
"""
_OF_VERSIONS: Final = """\
A field that is marked with a version is of that one alone, with all that is below it. Two are in both and
differ: an item of `counters` is an object with an `expression` (CEL) in `v1`, and a text, the selector of
an attribute, in `v1beta2`; and `strategy: merge` is of `v1`. An API server keeps the fields of both, so
that none is lost on the way: a policy there has the form that its fields say. One in a folder has that of
its `apiVersion`, and `kuadrant check` tells of fields of the other one.
"""
_SAME: Final = ("spec.defaults.limits.<name>", "spec.overrides.limits.<name>")


def page() -> str:
    """The text of the page."""
    # That of policies is what people look for.
    definitions = sorted(custom_resource_definitions().values(), key=_is_kuadrant)
    return "\n".join([_HEAD, *("\n".join(_kind(of)) for of in definitions)])


def _is_kuadrant(definition: Mapping[str, Any]) -> bool:
    return bool(definition["spec"]["names"]["kind"] == "Kuadrant")


def _kind(definition: Mapping[str, Any]) -> Iterator[str]:
    spec = definition["spec"]
    versions = {version["name"]: [*_rows(_schema(version), "spec")] for version in spec["versions"]}
    kind, names = spec["names"]["kind"], " and ".join(f"`{spec['group']}/{name}`" for name in versions)
    described = {
        name: _schema(version)["description"] for version in spec["versions"] if (name := version["name"])
    }
    yield f"## {kind}\n"
    yield f"In {names}.\n"
    if len(versions) > 1:
        yield _OF_VERSIONS
    for name, text in described.items():
        yield f"* `{name}`: {_line(text)}"
    yield ""
    (rows, *others) = versions.values()
    assert all(_shape(one) == _shape(rows) for one in others), "versions differ: have a table for each"
    yield "| field | type | what it is |"
    yield "|---|---|---|"
    yield from rows
    yield ""


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def _shape(rows: list[str]) -> list[str]:
    return [row.split(" | ")[0] for row in rows]


def _rows(schema: Mapping[str, Any], top: str) -> Iterator[str]:
    yield from _below(schema["properties"][top], top)


def _below(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if path.startswith(_SAME) and path not in _SAME:
        return
    if "items" in schema:
        yield from _below(schema["items"], f"{path}[]")
        return
    if isinstance(entries := schema.get("additionalProperties"), dict):
        yield from _below(entries, f"{path}.<name>")
        return
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        whole = f"{path}.{name}"
        yield f"| `{whole}` | {_type(field)} | {_words(field, required=name in required)} |"
        yield from _below(field, whole)


def _type(field: Mapping[str, Any]) -> str:
    if "items" in field:
        return f"list of {_type(field['items'])}s"
    if isinstance(entries := field.get("additionalProperties"), dict):
        return f"{_type(entries)}s by name"
    if field.get("x-kubernetes-int-or-string"):
        return "number or text"
    kinds = {"string": "text", "integer": "number", "boolean": "true or false", "object": "object"}
    return kinds.get(field.get("type", ""), "value")


def _words(field: Mapping[str, Any], *, required: bool) -> str:
    words = [_line(field.get("description", ""))]
    if "enum" in field:
        words.append("One of " + ", ".join(f"`{value}`" for value in field["enum"]) + ".")
    if "default" in field:
        words.append(f"By default `{field['default']}`.")
    if required:
        words.append("Has to be there.")
    return " ".join(word for word in words if word)


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    write_or_check(PAGE, page(), "the definitions")
