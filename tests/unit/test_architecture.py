"""What documents say of the code is so.

Each file that they name exists, and each name of the table of decisions is in its file.
"""

from __future__ import annotations

import ast
import re
import textwrap
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "kuadrant"
PAGE = ROOT / "docs" / "architecture.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
FOREIGN = {"Enforced"}
"""Words of Kubernetes in the glossary."""
FILES = sorted(SOURCE.rglob("*.py"))


def rows() -> list[list[str]]:
    """The rows of the table, each with what is decided, the files and the names."""
    _, _, rest = PAGE.read_text().partition("| Where is it decided ... |")
    table = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def place(file: str) -> Path:
    return ROOT / file if file.startswith("wasm-shim/") else SOURCE / file


@cache
def defined(file: Path) -> set[str]:
    """The names at the top of a file."""
    if file.suffix == ".zig":
        return set(re.findall(r"^pub (?:fn|const) (\w+)", file.read_text(), re.MULTILINE))
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def now_in(name: str) -> str:
    """The files that define a name today, for who has to put the table right."""
    found = [str(file.relative_to(SOURCE)) for file in FILES if name in defined(file)]
    return f"`{name}` is now in {', '.join(found)}" if found else f"nothing is called `{name}` any more"


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_each_question_is_answered_once() -> None:
    assert len({question for question, _, _ in rows()}) == len(rows()) > 20


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_rule_has_one_home_or_one_for_each_provider(row: list[str]) -> None:
    homes = {Path(file) for file in words(row[1])}
    of_providers = {home for home in homes if home.parts[0] == "gateways" and len(home.parts) > 2}
    assert len(homes) == 1 or (homes == of_providers and len({home.name for home in homes}) == 1)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_file_of_the_table_has_its_name(row: list[str]) -> None:
    files, names = words(row[1]), words(row[2])
    assert files
    assert names
    missing = [file for file in files if not place(file).exists()]
    assert missing == [], f"put docs/architecture.md right: {'; '.join(map(now_in, names))}"
    there = {name for file in files for name in defined(place(file))}
    wrong = [name for name in names if name not in there]
    assert wrong == [], f"put docs/architecture.md right: {'; '.join(map(now_in, wrong))}"
    idle = [file for file in files if not defined(place(file)) & set(names)]
    assert idle == [], "these files have none of the names of their row"


def test_the_drawing_of_the_operator_has_its_rooms_and_their_files() -> None:
    operator = SOURCE / "operator"
    drawn = re.findall(r"^    (\w+)/ ((?:.+\n(?:     .+\n)*))", PAGE.read_text(), re.MULTILINE)
    assert {room for room, _ in drawn} == {file.parent.name for file in operator.glob("*/__init__.py")}
    files = {
        (room, name)
        for room, text in drawn
        for names in re.findall(r"\(([^)]+)\)", text)
        for name in names.split(",")
    }
    wrong = {(room, name) for room, name in files if not (operator / room / f"{name.strip()}.py").exists()}
    assert wrong == set()


def test_each_name_of_the_glossary_is_in_the_code() -> None:
    names = set(re.findall(r"`((?:[A-Z][a-z]+){1,3})`", GLOSSARY.read_text())) - FOREIGN
    there = {name for file in FILES for name in defined(file)}
    assert len(names) > 20
    assert names - there == set()


def test_the_glossary_has_at_most_two_pages() -> None:
    """A page has 55 lines of 110 characters."""
    lines = GLOSSARY.read_text().splitlines()
    assert sum(len(textwrap.wrap(line, 110)) or 1 for line in lines) <= 2 * 55


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    """Check a file by its path from the root or from src/kuadrant.

    Where the page has just named its folder, the name alone does.
    """
    known = {file.name for folder in ("src", "tests") for file in (ROOT / folder).rglob("*.py")}
    wrong = {
        name: sorted(str(file.relative_to(SOURCE)) for file in FILES if file.name == Path(name).name)
        for name in re.findall(r"`([\w./-]+\.py)(?::[\w.]+)?`", page.read_text())
        if not ((ROOT / name).exists() or (SOURCE / name).exists() or ("/" not in name and name in known))
    }
    assert wrong == {}, "files of the same name are beside each"
