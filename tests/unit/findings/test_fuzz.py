"""Whatever documents hold, they are checked, and each finding has a place in them and words."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api import document_nodes, documents, yaml_documents
from kuadrant.compiler import compile_gateways
from kuadrant.findings import RULES, findings, findings_github, findings_sarif, findings_text
from tests.unit.findings.checked import CASES

if TYPE_CHECKING:
    from tests.conftest import Fuzz

pytestmark = pytest.mark.slow

TEXTS = [path.read_text() for path in sorted(CASES.glob("*.yaml")) if "over-budget" not in path.name]
OBJECTS: list[list[Any]] = [
    [document_nodes.plain(node) for node, _ in yaml_documents.documents(text) if node is not None]
    for text in TEXTS
]
ODD: list[Any] = [None, "", 0, -1, 2**40, "a", "/", "*", "default", "gw", "app", "é😀", True, [], {}, ["a"]]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every list and mapping in ``value`` with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            found += [(value, key), *places(below)]
    return found


def mutated(dice: random.Random) -> str:
    """Documents of one or two cases, in which some values are those of other places."""
    chosen = [
        one for case in dice.sample(OBJECTS, dice.randint(1, 2)) for one in json.loads(json.dumps(case))
    ]
    all_places = places(chosen)
    for _ in range(dice.randint(1, 5)):
        container, key = dice.choice(all_places)
        other, place = dice.choice(all_places)
        try:
            container[key] = dice.choice([dice.choice(ODD), json.loads(json.dumps(other[place]))])
        except (KeyError, IndexError):
            continue
    return "\n---\n".join(
        json.dumps(one, ensure_ascii=False, indent=dice.choice([None, 1])) for one in chosen
    )


def torn(dice: random.Random) -> str:
    """The text of a case, with a few characters more or less."""
    text = dice.choice(TEXTS)
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(text))
        text = text[:start] + dice.choice(["", "'", '"', ": ", "\n", "[", "{", "é", "/"]) + text[start + 1 :]
    return text


def test_no_documents_are_too_odd(fuzz: Fuzz) -> None:
    dice = random.Random(fuzz.seed)
    inputs = int(1000 * fuzz.scale)
    for _ in range(inputs):
        text = dice.choice([mutated, torn])(dice)
        folder = documents.read([("a.yaml", text)])
        told = findings(folder, compile_gateways(folder.objects))
        lines = text.split("\n")
        for one in told:
            assert one.code in RULES
            assert one.message
            assert one.fix
            assert 1 <= one.line <= len(lines)
            assert 1 <= one.column <= len(lines[one.line - 1]) + 2
        assert findings_text(told).count("=> ") >= len(told)
        assert len(findings_github(told).split("\n")) == max(len(told), 1)
        json.dumps(findings_sarif(told, "1.0.0"))
    fuzz.done("documents", inputs)
