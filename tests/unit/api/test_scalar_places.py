"""The place of a character of a text, in whichever way YAML lets people write it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kuadrant.api import yaml_documents
from kuadrant.api.document_nodes import Node, place_of
from kuadrant.api.scalar_places import place_within


def scalar(text: str) -> tuple[Node, str]:
    """The node of the key ``a``, and its value."""
    ((document, flaws),) = yaml_documents.documents(text)
    assert document is not None
    assert not flaws
    assert isinstance(document.value, dict)
    node = document.value["a"]
    assert isinstance(node.value, str)
    return node, node.value


WAYS = [
    pytest.param("a: one == x\n", id="plain"),
    pytest.param("b: 1\na:   one\n", id="plain, in another line"),
    pytest.param("a: one\n  two x\n\n  three x\n", id="plain, over lines"),
    pytest.param("a: 'it''s x'\n", id="single quotes"),
    pytest.param("a: 'one\n  two x'\n", id="single quotes, over lines"),
    pytest.param('a: "one x"\n', id="double quotes"),
    pytest.param('a: "one\n  two\\\n  three x\n\n  four"\n', id="double quotes, over lines"),
    pytest.param("a: |\n  one x\n   two x\n\n  three x\n", id="literal"),
    pytest.param("a: |2\n   one x\n  two\n", id="literal with an indentation of its own"),
    pytest.param("a: >-\n  one\n  two x\n\n  three\n", id="folded"),
    pytest.param("a: !!str &name one x\n", id="behind a tag and an anchor"),
    pytest.param('{"a": "one x"}\n', id="JSON"),
]


@pytest.mark.parametrize("text", WAYS)
def test_each_character_is_where_it_is_written(text: str) -> None:
    node, value = scalar(text)
    lines = text.split("\n")
    found = 0
    for offset, character in enumerate(value):
        line, column = place_within(text, (node.line, node.column), value, offset)
        if character not in " \n" and (line, column) != (node.line, node.column):
            assert lines[line - 1][column - 1] == character
            found += 1
    assert found >= 2 or "|2" in text


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [
        pytest.param('a: "q\\"x"\n', 2, (1, 8), id="behind an escape"),
        pytest.param('a: "q\\u0041x"\n', 2, (1, 12), id="behind an escape by number"),
        pytest.param('a: "q\\x41\\U00000042x"\n', 3, (1, 20), id="behind escapes by number"),
    ],
)
def test_an_escape_is_as_wide_as_it_is_written(text: str, offset: int, place: tuple[int, int]) -> None:
    node, value = scalar(text)
    assert place_within(text, (node.line, node.column), value, offset) == place


def test_what_is_not_followed_has_the_place_of_the_whole() -> None:
    assert place_within("a: b\n", (1, 4), "something else", 5) == (1, 4)
    assert place_within("a: b\n", (7, 4), "b", 0) == (7, 4)


@example(text=">", line=1, column=1, value="0")
@example(text='"\\xzz"', line=1, column=1, value="0")
@given(
    st.text(alphabet=" \n'\"\\|>&!axz", max_size=40),
    st.integers(1, 5),
    st.integers(1, 9),
    st.text(max_size=9),
)
def test_no_text_is_too_much(text: str, line: int, column: int, value: str) -> None:
    for offset in range(len(value) + 2):
        place_within(text, (line, column), value, offset)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("a:\n  b: {c: 1}\n", (2, 6), id="beside its key"),
        pytest.param("a:\n  b:\n    c: 1\n", (2, 3), id="below its key"),
        pytest.param("a:\n  b:\n  - c\n", (2, 3), id="a list below its key"),
        pytest.param("a: {x: 1}\n", (1, 4), id="of what is above it, where it is not there"),
    ],
)
def test_a_field_is_where_its_value_begins_or_at_its_key(text: str, place: tuple[int, int]) -> None:
    ((document, _),) = yaml_documents.documents(text)
    assert document is not None
    assert place_of(document, ("a", "b")) == place
