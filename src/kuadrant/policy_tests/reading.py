"""A test file read: its tests, or every mistake in it with its place. No text whatever makes it raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api import yaml_documents
from kuadrant.api.document_nodes import Node, shown
from kuadrant.api.node_reading import read as read_struct
from kuadrant.api.problem import Problem
from kuadrant.api.problem import spelled as spelled_path
from kuadrant.policy_tests.file_format import PolicyTestFile, PolicyTests
from kuadrant.policy_tests.file_rules import RULES

if TYPE_CHECKING:
    from kuadrant.api.problem import Path

MOST_PROBLEMS: Final = 100
"""As many mistakes of a file are told."""


def read(path: str, text: str) -> PolicyTestFile | tuple[Problem, ...]:
    """Return the tests of the file ``path`` with the text ``text``, or what is wrong with it."""
    found = [*yaml_documents.documents(text)]
    problems = [
        Problem(path, flaw.line, flaw.column, "", "", flaw.message) for _, flaws in found for flaw in flaws
    ]
    nodes = [node for node, _ in found if node is not None and node.value is not None]
    for node in nodes[1:]:
        message = "is a second document; a test file is one, with all its tests in it"
        problems.append(Problem(path, node.line, node.column, "", "", message))
    if not nodes and not problems:
        message = "is empty; it needs tests, each with a name and steps"
        problems.append(Problem(path, 1, 1, "", "", message))
    if problems or not nodes:
        return tuple(sorted(problems)[:MOST_PROBLEMS])
    (node,) = nodes
    if not isinstance(node.value, dict):
        return (
            Problem(path, node.line, node.column, "", "", f"is {shown(node)}, must be a mapping with tests"),
        )
    tests, mistakes = read_struct(PolicyTests, node, RULES)
    if mistakes:
        problems = [
            Problem(path, one.line, one.column, subject(node, one.path), spelled_path(one.path), one.message)
            for one in mistakes
        ]
        return tuple(sorted(problems)[:MOST_PROBLEMS])
    return PolicyTestFile(path, tests, node)


def subject(node: Node, path: Path) -> str:
    """Return whose field ``path`` is: the test's name, as far as it has one."""
    match path:
        case ("tests", int(index), *_) if isinstance(node.value, dict):
            tests = node.value.get("tests")
            test = tests.value[index] if tests is not None and isinstance(tests.value, list) else None
            name = test.value.get("name") if test is not None and isinstance(test.value, dict) else None
            if name is not None and isinstance(name.value, str):
                return f"test {name.value[:200]}"
    return ""
