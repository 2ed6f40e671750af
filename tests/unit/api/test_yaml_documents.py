"""YAML as kubectl reads it, with places, and within bounds."""

from __future__ import annotations

import pytest

from kuadrant.api import yaml_documents
from kuadrant.api.document_nodes import plain
from kuadrant.api.yaml_documents import MAX_DEPTH, Allowance, documents
from tests.effort import calls


def values(text: str) -> list[object]:
    return [plain(node) if node is not None else None for node, _ in documents(text)]


def flaws(text: str) -> list[tuple[int, int, str]]:
    return [(flaw.line, flaw.column, flaw.message) for _, found in documents(text) for flaw in found]


def test_keys_become_text() -> None:
    assert values("{1: a, on: b, 010: c, '': d}") == [{"1": "a", "true": "b", "8": "c", "": "d"}]


def test_aliases_and_merge_keys_work() -> None:
    text = """
    base: &base {unit: second, duration: 1}
    one: {<<: *base, duration: 10}
    two: {limits: 1, <<: [*base, {unit: day, limit: 3}], duration: 5}
    same: *base
    """
    assert values(text) == [
        {
            "base": {"unit": "second", "duration": 1},
            "one": {"unit": "second", "duration": 10},
            "two": {"limits": 1, "unit": "second", "duration": 5, "limit": 3},
            "same": {"unit": "second", "duration": 1},
        }
    ]


def test_documents_are_parted_by_lines() -> None:
    assert values("a: 1\n---\nb: |\n  ---\n--- {c: 2}\n---\n# nothing\n") == [
        {"a": 1},
        {"b": "---\n"},
        {"c": 2},
    ]


def test_a_directive_belongs_to_the_document_behind_it() -> None:
    assert values("# first\n%YAML 1.1\n---\na: 1\n") == [{"a": 1}]


def test_places_count_from_one_through_all_documents() -> None:
    [(_, _), (node, _)] = documents("a: 1\n---\nb:\n  - c: 2\n")
    assert node is not None
    assert isinstance(node.value, dict)
    assert (node.line, node.column) == (3, 1)
    assert node.keys == {"b": (3, 1)}
    assert (node.value["b"].line, node.value["b"].column) == (4, 3)


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("a: 1\nb: 2\na: 3", (3, 1, '"a" is given twice, first in line 1')),
        ("a: b: c", (1, 5, "is not YAML: mapping values are not allowed in this context")),
        ("a: 1\n---\nb: [", (3, 1, "is not YAML: did not find expected node content")),
        ("a:\n\tb: 1", (2, 1, "is not YAML: a tab stands where only spaces may")),
        ("é: ä\n---\nb:\n\tb: 1", (4, 1, "is not YAML: a tab stands where only spaces may")),
        ("a: @", (1, 4, "is not YAML: found character that cannot start any token")),
        ("a: \x00", (1, 1, "is not YAML: control characters are not allowed")),
        ("a: \ud800", (1, 1, "is not YAML: surrogates not allowed")),
        ("a: *b", (1, 4, "*b refers to an anchor that is not defined before it")),
        ("a: &a [*a]", (1, 8, "*a contains itself")),
        ("? [a]\n: b", (1, 3, "has a list as a key; keys are text")),
        ("? {a: b}\n: b", (1, 3, "has a mapping as a key; keys are text")),
        ("~: b", (1, 1, "has null as a key; keys are text")),
        ("a:\n  0.5: b", (2, 3, "has the number 0.5 as a key; put it in quotes")),
        ("1e3: b", (1, 1, "has the number 1e3 as a key; put it in quotes")),
        ("a: .inf", (1, 4, "is .inf, a number that JSON does not have; put text in quotes")),
        (
            "a: &a {b: 1}\nc: {b: 2, <<: *a}",
            (2, 5, '"b" is in front of a merge key that has it too, which kubectl lets win; put "<<" first'),
        ),
        ("a: !!binary aGk=", (1, 4, "is tagged !!binary; write the text itself")),
        ("a: !!int x", (1, 4, 'is tagged !!int, which "x" is not')),
        ("<<: 5", (1, 5, "<<: takes a mapping or a list of mappings")),
        ("<<: [[{}]]", (1, 6, "<<: takes a mapping or a list of mappings")),
        ("a: 1\r---\rb: 2", (2, 1, "begins a second document without a line '---' in front of it")),
        ("a: 1\n... \nb: 2\n", (3, 1, "is not YAML: did not find expected <document start>")),
    ],
)
def test_flaws_have_a_place(text: str, flaw: tuple[int, int, str]) -> None:
    assert flaws(text) == [flaw]


def test_a_flaw_hides_no_other_document() -> None:
    assert values("a: [\n---\nb: 1\n---\nc: }\n---\nd: 2") == [None, {"b": 1}, None, {"d": 2}]


DEEP = f"is nested deeper than {MAX_DEPTH} levels"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 200 + "}" * 200,
        "- " * 10_000,
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200)),
    ],
    ids=["lists", "mappings", "block", "aliases"],
)
def test_depth_is_bounded(text: str) -> None:
    assert [message for _, _, message in flaws(text)] == [DEEP]


def test_the_deepest_document_is_read() -> None:
    [node] = values("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        assert isinstance(node, list)
        [node] = node
    assert node == []


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1 if n else str()}'] * 10)}]\n" for n in range(20)),
        "a: &a {" + ",".join(f"k{n}: 1" for n in range(1000)) + "}\nb:\n" + "- {<<: *a}\n" * 1000,
    ],
    ids=["aliases", "merges"],
)
def test_repetition_by_aliases_is_bounded(text: str) -> None:
    assert [message for _, _, message in flaws(text)] == [
        "aliases and merge keys repeat more than 100000 values"
    ]


# What made reading take more than its share of time or memory, and what is said of it; all of it and the
# bounds at a sixteenth.
_MIB = 2**16
LARGE = {
    "repeated keys": ("a: 1\n" * (16 * _MIB // 5), "has more than 524,288 characters"),
    "repeated keys of a smaller document": (
        "a: 1\n" * (8 * _MIB // 5),
        "has 100 such mistakes; the rest is not",
    ),
    "repeated keys in one line": (
        "{" + "a," * (3 * _MIB) + "}",
        "has 100 such mistakes; the rest is not read",
    ),
    "repeated keys, long ones": (f"? {'a' * 4096}\n" * 120, "has 100 such mistakes; the rest is not read"),
    "values": ("[" + "1," * (3 * _MIB) + "]", "holds more than 31,250 values; write it as several documents"),
    "keys": (
        "".join(f"k{i}: 1\n" for i in range(40_000)),
        "holds more than 31,250 values; write it as several",
    ),
    "documents": ("---\na: 1\n" * 40_000, "there are more than 125,000 values"),
    "documents of nothing": ("---\n" * (4 * _MIB), "there are more than 125,000 values"),
    "aliases of aliases": (
        "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)),
        "aliases and merge keys repeat more than 100000 values",
    ),
    "merge keys": ("a: &a {b: 1}\nc: {" + "".join(f"k{i}: 1, <<: *a, " for i in range(7_000)) + "}", None),
    "merge keys of nothing": (
        "c: {" + "<<: 1, " * 10_000 + "}",
        "has 100 such mistakes; the rest is not read",
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_takes_no_more_work_than_its_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_documents, "MAX_CHARACTERS", yaml_documents.MAX_CHARACTERS // 16)
    monkeypatch.setattr(yaml_documents, "MAX_VALUES", yaml_documents.MAX_VALUES // 16)
    text, message = LARGE[name]
    read: list[str] = []

    def look() -> None:
        allowance = Allowance(yaml_documents.MAX_VALUES_IN_ALL // 16)
        read.extend(flaw.message for _, flaws in documents(text, allowance) for flaw in flaws)

    assert calls(look) < 1_000_000
    assert (read == []) if message is None else (message in read[-1])
    assert all(len(flaw) < 300 for flaw in read)


def test_a_document_that_is_just_within_its_bounds_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_documents, "MAX_VALUES", 1000)
    ((node, flaws),) = documents("[" + "1," * 999 + "]")
    assert flaws == []
    assert node is not None
    assert node.size == 1000


def test_texts_that_are_read_together_share_what_may_be_read() -> None:
    allowance = Allowance(100)
    text = "[1, 2, 3, 4, 5, 6, 7, 8, 9]"  # with what each document costs, 30
    told = [[flaw.message for _, flaws in documents(text, allowance) for flaw in flaws] for _ in range(5)]

    assert told == [
        [],
        [],
        [],
        ["is not read on: there are more than 100 values"],
        ["is not read: there are more than 100 values"],
    ]
