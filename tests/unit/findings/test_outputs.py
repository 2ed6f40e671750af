"""The forms in which findings are told: for people, for programs, for code scanning, for a forge."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from kuadrant.findings import (
    RULES,
    Finding,
    counted,
    findings_github,
    findings_json,
    findings_sarif,
    findings_text,
    first_findings,
    number,
)

ONE = Finding(
    "a dir/policy.yaml",
    8,
    61,
    "RateLimitPolicy default/p",
    "spec.limits.ip.counters[0].expression",
    "source.address has the client's port in it, which is another one for each connection",
    "counter-per-connection",
    "warning",
    "Count by `source.remote_address`.",
)
MISTAKE = Finding("b.yaml", 1, 1, "", "", "is not YAML: 100 %, so:\nno", "not-yaml", "error", "")
NOTE = Finding("c.yaml", 2, 3, "Gateway default/gw", "spec", "is told", "listener-not-served", "note", "Ok.")
ALL = (ONE, MISTAKE, NOTE)


def test_people_are_told_the_place_first() -> None:
    assert findings_text([ONE, MISTAKE]) == (
        "a dir/policy.yaml:8:61: warning: counter-per-connection\n"
        "  RateLimitPolicy default/p: spec.limits.ip.counters[0].expression:\n"
        "    source.address has the client's port in it, which is another one for each\n"
        "    connection\n"
        "  => Count by `source.remote_address`.\n"
        "b.yaml:1:1: mistake: not-yaml\n"
        "  is not YAML: 100 %, so:\\nno"
    )


def test_colours_change_nothing_but_the_colour() -> None:
    text = findings_text([ONE], colour=True)
    assert text.startswith("\x1b[1ma dir/policy.yaml:8:61:\x1b[0m \x1b[33;1mwarning:\x1b[0m counter")
    for code in ("1", "33;1", "0"):
        text = text.replace(f"\x1b[{code}m", "")
    assert text == findings_text([ONE])


@given(st.text(max_size=300), st.text(max_size=300))
def test_lines_end_at_80_columns_where_there_is_a_space(message: str, fix: str) -> None:
    one = Finding("a.yaml", 1, 1, "Kind name", "field", message, "code", "note", fix)
    for line in findings_text([one]).split("\n"):
        assert len(line) <= 80 or " " not in line.strip().removeprefix("=> ")


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 mistakes"), (1, "1 mistake"), (2, "2 mistakes"), (11, "11 mistakes")]
)
def test_one_is_not_many(count: int, words: str) -> None:
    assert number(count, "mistake") == words


def test_what_there_is_is_counted_by_severity() -> None:
    assert counted([ONE, ONE, NOTE]) == "2 warnings, 1 note"
    assert counted([*ALL, MISTAKE]) == "2 mistakes, 1 warning, 1 note"


def test_beside_other_things_the_gravest_are_told_first_and_not_all() -> None:
    text = first_findings([NOTE, ONE, MISTAKE], 2, "dir")
    assert text.splitlines()[0] == "Found in dir: 1 mistake, 1 warning, 1 note."
    assert text.index("b.yaml") < text.index("policy.yaml")
    assert "c.yaml" not in text
    assert text.endswith("... and 1 more; kuadrant check dir tells all")
    assert first_findings([], 2, "dir") == ""


def test_programs_get_every_field() -> None:
    told = json.loads(json.dumps(findings_json(ALL)))
    assert {key: told[key] for key in ("errors", "warnings", "notes")} == {
        "errors": 1,
        "warnings": 1,
        "notes": 1,
    }
    assert told["findings"][0] == {
        "file": "a dir/policy.yaml",
        "line": 8,
        "column": 61,
        "subject": "RateLimitPolicy default/p",
        "field": "spec.limits.ip.counters[0].expression",
        "message": "source.address has the client's port in it, which is another one for each connection",
        "code": "counter-per-connection",
        "severity": "warning",
        "fix": "Count by `source.remote_address`.",
    }


def test_a_forge_gets_a_command_a_line_with_what_it_needs_escaped() -> None:
    warning, mistake, note = findings_github(ALL).split("\n")
    assert warning == (
        "::warning file=a dir/policy.yaml,line=8,col=61,title=counter-per-connection::RateLimitPolicy "
        "default/p: spec.limits.ip.counters[0].expression: source.address has the client's port in it, which "
        "is another one for each connection%0ACount by `source.remote_address`."
    )
    assert mistake == "::error file=b.yaml,line=1,col=1,title=not-yaml::is not YAML: 100 %25, so:%0Ano"
    assert note.startswith("::notice file=c.yaml,line=2,col=3,title=listener-not-served::")
    comma = Finding("a,b:c.yaml", 1, 1, "", "", "", "not-yaml", "error", "")
    assert findings_github([comma]).startswith("::error file=a%2Cb%3Ac.yaml,line=1")


def test_the_log_of_a_workflow_gets_nothing_that_a_terminal_acts_upon() -> None:
    odd = structs.replace(ALL[0], file="a\x1b.yaml", message="is \x1b[31m\x07")
    assert not re.search(r"[\x00-\x1f]", findings_github([odd]))


def required(value: Any, *fields: str) -> Any:
    """``value``, which has these fields."""
    assert isinstance(value, dict)
    assert set(fields) <= value.keys()
    return value


def test_sarif_has_what_its_schema_requires() -> None:
    """The required fields and the types of sarif-schema-2.1.0, of what is written."""
    log = required(json.loads(json.dumps(findings_sarif(ALL, "1.2.3"))), "version", "runs")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = required(required(required(run, "tool")["tool"], "driver")["driver"], "name")
    assert driver["semanticVersion"] == "1.2.3"
    rules = driver["rules"]
    assert [rule["id"] for rule in rules] == [*RULES]
    for rule in rules:
        for field in ("shortDescription", "fullDescription", "help"):
            assert required(rule, "id", field)[field]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    assert run["columnKind"] == "unicodeCodePoints"
    assert len(run["results"]) == len(ALL)
    for result, one in zip(run["results"], ALL, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == one.code
        assert required(result, "message")["message"]["text"]
        assert result["level"] in ("none", "note", "warning", "error")
        (location,) = result["locations"]
        physical = required(location["physicalLocation"], "artifactLocation", "region")
        assert " " not in physical["artifactLocation"]["uri"]
        region = required(physical["region"], "startLine", "startColumn")
        assert min(region["startLine"], region["startColumn"]) >= 1
        for logical in location.get("logicalLocations", ()):
            assert logical["fullyQualifiedName"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == (
        "a%20dir/policy.yaml"
    )
