"""docs/attributes.md is the table of attributes, and everything that knows attributes is held to that."""

from __future__ import annotations

import re
from pathlib import Path

from kuadrant.dialects.official import attributes as official
from kuadrant.policy.attributes import ATTRIBUTES, OPEN_ROOTS, TABLE, may_have_value
from scripts.generate_attributes import PAGE, page

MODULE = Path(__file__).parents[2] / "wasm-shim" / "src" / "attribute.zig"


def test_what_is_checked_in_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run `make generate`"


def test_each_attribute_is_in_it_once_and_is_known_somewhere_or_cannot_be_named() -> None:
    assert len({one.path for one in TABLE}) == len(TABLE)
    for one in TABLE:
        assert bool(one.modes) == (one.selectors or one.expressions), one.name
        assert may_have_value(one.path, identity=True) == one.selectors, one.name
        assert one.told <= {"selectors", "expressions"} - (
            {"expressions"} if not one.expressions else set()
        ), one.name


def test_expressions_know_those_of_the_table_and_no_others() -> None:
    named = {f"{root}.{name}" for root, names in ATTRIBUTES.items() for name in names}
    assert named == {one.name for one in TABLE if one.expressions and not one.is_open}
    assert set(OPEN_ROOTS) == {"metadata", "filter_state", "xds", "plugin_name"}


def test_the_module_reads_selectors_by_the_types_of_the_table() -> None:
    kinds = {"int": "integer", "uint": "integer", "bool": "boolean", "timestamp": "time"}
    source = MODULE.read_text()
    read = dict(re.findall(r'\.\{ "([a-z_]+\\x00[a-z_]+)", \.([a-z_]+) \}', source))
    wanted = {"\\x00".join(one.path): kinds[one.type] for one in TABLE if one.type in kinds}
    assert {name: kind for name, kind in read.items() if kind in kinds.values()} == wanted
    # What the module reads in a way of its own is a text.
    texts = {"\\x00".join(one.path) for one in TABLE if one.type == "string"}
    assert {name for name, kind in read.items() if kind not in kinds.values()} <= texts


def test_official_modules_are_told_only_what_the_table_says() -> None:
    told = {one.name for one in TABLE if "selectors" in one.told}
    named = official.PRESENT | official.OF_HEADERS.keys() | {official.HOST, "request.headers"}
    assert named == told
    assert {"request.path", "source.address", "destination.address"} <= official.PRESENT
    assert official.OF_HEADERS == {
        "request.referer": "referer",
        "request.useragent": "user-agent",
        "request.id": "x-request-id",
    }
