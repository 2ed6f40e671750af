"""Write docs/reasons.md: every condition, reason, event and error with what to do.

Or compare it with --check.

The words are collected from the source, so that none can be missing; what they mean and what to do is in
``scripts/reasons.yaml``, by the same words.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "reasons.md"
ADVICE: Final = ROOT / "scripts" / "reasons.yaml"
SECTIONS: Final = {
    "conditions": ("Conditions", "condition", "The types of what `kubectl describe` shows under Conditions."),
    "reasons": (
        "Reasons",
        "reason",
        "The word behind a condition or an Event. The message beside it tells the case.",
    ),
    "refusals": (
        "Streams that are closed",
        "reason",
        (
            "Why a connection to the push port was closed: `reason` of the metric "
            "`kuadrant_push_refusals_total`."
        ),
    ),
    "answers": (
        "Errors of the rate limit service",
        "error",
        (
            "What it answers with a gRPC status instead of a decision. The failure mode of the gateway "
            "decides then."
        ),
    ),
    "log": (
        "Lines of the log",
        "line",
        "Of the levels warning and error. `problem` and other fields tell the case.",
    ),
}
_HEAD: Final = """\
# Conditions, reasons, events and errors

<!-- Made from the source and scripts/reasons.yaml by `make generate`. -->

What each word means that a status, an Event, a metric or the log may show, and what to do about it.

Events of a policy have the reasons of its conditions, and `NotEnforced` where the condition says `Unknown`.
"""
_PROGRAMS_WORD: Final = re.compile(r"[A-Z][A-Za-z]+")
_PAGE_NAME: Final = re.compile(r"docs/([a-z-]+\.md)")
_PLACE: Final = re.compile(r"%[.0-9]*[a-z]")


def words(source: Path) -> dict[str, set[str]]:
    """Collect the words of each section from the Python files below ``source``."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    trees = [ast.parse(file.read_text()) for file in sorted(source.rglob("*.py"))]
    for tree in trees:
        constants = _constants(tree)
        positions = _positions(tree)
        for node in ast.walk(tree):
            for section, word in _words_of(node, positions, constants):
                found[section].add(word)
    return dict(found)


def _words_of(
    node: ast.AST, positions: Mapping[str, Mapping[str, int]], constants: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_line(node):
        yield from (("log", _PLACE.sub("…", text)) for text in _texts(node.args[0], constants))
    elif isinstance(node, ast.Call):
        for name, section in (("reason", "reasons"), ("type", "conditions")):
            for value in _given(node, name, positions):
                yield from (
                    (section, text) for text in _texts(value, constants) if _is_word(text, node, name)
                )
    elif isinstance(node, ast.Assign) and _names(node) == ["reason"]:
        yield from (
            ("reasons", text) for text in _texts(node.value, constants) if _PROGRAMS_WORD.fullmatch(text)
        )
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "reason":
        yield from (("reasons", text) for text in _choices(node.annotation) if _PROGRAMS_WORD.fullmatch(text))
    elif isinstance(node, ast.Assign) and _names(node) == ["Reason"]:
        yield from (("refusals", text) for text in _choices(node.value))
    if (
        isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Dict)
        and "_CODES" in _names(node)
    ):
        keys = (text for key in node.value.keys if key is not None for text in _texts(key, constants))
        yield from (("answers", key) for key in keys if key.endswith("Error"))


def _is_line(call: ast.Call) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in {"warning", "error", "exception"}
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in {"logger", "_LOGGER"}
        and bool(call.args)
    )


def _is_word(text: str, call: ast.Call, name: str) -> bool:
    called = call.func.id if isinstance(call.func, ast.Name) else ""
    if name == "type":
        return called.lower().endswith("condition")
    return bool(_PROGRAMS_WORD.fullmatch(text))


def _given(call: ast.Call, name: str, positions: Mapping[str, Mapping[str, int]]) -> Iterator[ast.expr]:
    """Yield what a call gives as ``name``.

    By keyword, or at its place in the function or struct of this file.
    """
    yield from (keyword.value for keyword in call.keywords if keyword.arg == name)
    called = call.func.id if isinstance(call.func, ast.Name) else ""
    place = positions.get(called, {}).get(name)
    if place is not None and place < len(call.args):
        yield call.args[place]


def _positions(tree: ast.Module) -> dict[str, dict[str, int]]:
    """The place of each parameter of the functions, and of each field of the structs, of a file."""
    found: dict[str, dict[str, int]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in node.args.args]
        elif isinstance(node, ast.ClassDef):
            names = [
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            ]
        else:
            continue
        found[node.name] = {name.rstrip("_"): place for place, name in enumerate(names)}
    return found


def _constants(tree: ast.Module) -> dict[str, str]:
    return {
        name: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for name in _names(node)
    }


def _names(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _texts(value: ast.expr, constants: Mapping[str, str]) -> Iterator[str]:
    """Yield the texts that an expression may be, as far as the file tells."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.Name) and value.id in constants:
        yield constants[value.id]
    elif isinstance(value, ast.IfExp):
        yield from _texts(value.body, constants)
        yield from _texts(value.orelse, constants)


def _choices(annotation: ast.expr) -> Iterator[str]:
    """Yield the texts of a ``Literal``."""
    for node in ast.walk(annotation):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == "Literal"
        ):
            yield from (
                one.value
                for one in ast.walk(node.slice)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def advice() -> dict[str, dict[str, dict[str, str]]]:
    """Return what each word means and what to do, by section."""
    texts: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(ADVICE.read_text())
    return texts


def page(found: Mapping[str, Iterable[str]], texts: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """The text of the page.

    Raises:
        KeyError: A word of the source has no advice.
    """
    text = "\n".join([_HEAD, *(_section(section, found[section], texts[section]) for section in SECTIONS)])
    return _PAGE_NAME.sub(r"[\1](\1)", text)


def _section(section: str, found: Iterable[str], texts: Mapping[str, Mapping[str, str]]) -> str:
    title, word, introduction = SECTIONS[section]
    rows = "\n".join(
        f"| `{one}` | {texts[one]['means']} | {texts[one]['do']} |" for one in sorted(found, key=str.lower)
    )
    return f"## {title}\n\n{introduction}\n\n| {word} | what it means | what to do |\n|---|---|---|\n{rows}\n"


if __name__ == "__main__":
    write_or_check(PAGE, page(words(ROOT / "src"), advice()), "the source")
