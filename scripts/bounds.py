"""Hold the source to its bounds.

How long files and functions may be, how much a class may hold, and no import circle.

What is beyond a bound today is in EXCEPTIONS with its size: it may not grow, and goes from the list once it
is within the bound.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "src" / "kuadrant"
MODULE: Final = ROOT / "wasm-shim" / "src"
TOOLS: Final = (ROOT / "scripts", ROOT / "lab")
FILE_LINES: Final = 350
FUNCTION_LINES: Final = 50
ATTRIBUTES: Final = 16

EXCEPTIONS: Final[dict[str, int]] = {}
"""By file, by file and function, by file and class: lines, lines, attributes."""


def beyond(source: Path) -> dict[str, int]:
    """Return what of the Python files below ``source`` is beyond a bound, and how large it is."""
    found: dict[str, int] = {}
    for file in sorted(source.rglob("*.py")):
        text = file.read_text()
        place = file.relative_to(source).as_posix()
        if (lines := len(text.splitlines())) > FILE_LINES:
            found[place] = lines
        for name, lines in _functions(ast.parse(text)):
            if lines > FUNCTION_LINES:
                found[f"{place} {name}"] = lines
        for name, attributes in _classes(ast.parse(text)):
            if attributes > ATTRIBUTES:
                found[f"{place} class {name}"] = attributes
    return found


def long_files(source: Path) -> dict[str, int]:
    """The Zig files below ``source`` that have too many lines, and how many."""
    lines = {
        file.relative_to(ROOT).as_posix(): len(file.read_text().splitlines())
        for file in sorted(source.rglob("*.zig"))
    }
    return {place: count for place, count in lines.items() if count > FILE_LINES}


def everything() -> dict[str, int]:
    """Return what is beyond a bound, of the source, the module, scripts and the lab."""
    of_tools = {f"{tool.name}/{what}": size for tool in TOOLS for what, size in beyond(tool).items()}
    return beyond(SOURCE) | long_files(MODULE) | of_tools


def complaints(found: Mapping[str, int], exceptions: Mapping[str, int]) -> list[str]:
    """Return what is wrong with ``found``, a line each.

    Beyond a bound and no exception, larger than it was, or none any more.
    """
    return [
        *(
            f"{what}: {size}, was {exceptions[what]}"
            if what in exceptions
            else f"{what}: {size} is too much; divide it"
            for what, size in found.items()
            if size > exceptions.get(what, 0)
        ),
        *(
            f"{what}: within the bound, or gone; remove it from EXCEPTIONS of {Path(__file__).name}"
            for what in exceptions
            if what not in found
        ),
    ]


def circles(package: str) -> list[list[str]]:
    """The modules of a package that import each other in a circle when they are loaded."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    # Who imports nothing that is left is in no circle, nor is who is imported by nobody that is left.
    left = set(imports)
    while free := {
        one for one in left if not imports[one] & left or not any(one in imports[other] for other in left)
    }:
        left -= free
    return [sorted(left)] if left else []


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the name of each function, with its class, and its lines."""
    for name, node in _named(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, (node.end_lineno or 0) - node.lineno + 1


def _classes(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the name of each class and how many attributes its body and its methods give it."""
    for name, node in _named(tree):
        if isinstance(node, ast.ClassDef):
            fields = {
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            }
            own = {
                one.attr
                for one in ast.walk(node)
                if isinstance(one, ast.Attribute)
                and isinstance(one.ctx, ast.Store)
                and isinstance(one.value, ast.Name)
                and one.value.id == "self"
            }
            yield name, len(fields | own)


def _named(node: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield inside + child.name, child
            yield from _named(child, f"{inside}{child.name}.")
        else:
            yield from _named(child, inside)


def main() -> None:
    wrong = [
        *complaints(everything(), EXCEPTIONS),
        *(f"import each other in a circle: {', '.join(circle)}" for circle in circles("kuadrant")),
    ]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
