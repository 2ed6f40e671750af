"""`kuadrant check`: what it is given, what it prints, and how it ends."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.findings.checked import CASES
from tests.unit.standalone.names import not_utf8

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, str, str]]

EXAMPLES = Path(__file__).parents[3] / "examples"
MISTAKE = CASES / "target-misspelled.yaml"
WARNING = CASES / "limit-of-zero.yaml"
NOTE = CASES / "listener-of-tls.yaml"


@pytest.fixture
def toystore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(EXAMPLES / "toystore", "toystore"))


def test_a_folder_in_which_all_is_well(run: Run) -> None:
    assert run("check", EXAMPLES / "toystore") == (0, "nothing wrong: 5 objects in 5 files\n", "")


@pytest.mark.parametrize(
    ("path", "code", "strictly", "last"),
    [
        (MISTAKE, 1, 1, "1 mistake: 4 objects in 1 file"),
        (WARNING, 0, 1, "1 warning: 4 objects in 1 file"),
        (NOTE, 0, 0, "1 note: 3 objects in 1 file"),
    ],
    ids=["mistake", "warning", "note"],
)
def test_the_exit_code_tells_mistakes_and_strictly_also_warnings(
    run: Run, path: Path, code: int, strictly: int, last: str
) -> None:
    ended, out, err = run("check", path)
    assert (ended, err) == (code, "")
    assert out.splitlines()[-1] == last
    assert run("check", path, "--strict")[0] == strictly


def test_the_place_is_the_path_that_was_given_and_what_is_below_it(run: Run, toystore: Path) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("limit: 5", "limit: 0"))
    for given in ("toystore", "./toystore/", ".", "toystore/../toystore"):
        assert run("check", given)[1].startswith(
            "toystore/ratelimitpolicy.yaml:14:18: warning: limit-below-one"
        )


def test_several_paths_are_one_world_and_each_file_counts_once(run: Run, toystore: Path) -> None:
    shutil.move(toystore / "ratelimitpolicy.yaml", "policy.yaml")
    assert run("check", "policy.yaml")[0] == 1  # its target is not there
    assert run("check", "policy.yaml", "toystore", "toystore/gateway.yaml", ".")[:2] == (
        0,
        "nothing wrong: 5 objects in 5 files\n",
    )


def test_standard_input_is_a_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(WARNING.read_bytes())))
    code, out, _ = run("check", "-", "--strict")
    assert code == 1
    assert out.startswith("<stdin>:29:30: warning: limit-below-one\n")


def test_standard_input_that_is_empty_has_the_same_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert run("check", "-")[1].startswith("<stdin>:1:1: warning: nothing-to-serve\n")


def test_standard_input_that_is_no_text_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    code, out, _ = run("check", "-")
    assert code == 2
    assert "<stdin>:1:1: mistake: not-readable" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give kuadrant check a folder, a file, or - for standard input"),
        (("nowhere",), "nowhere does not exist; give a folder, a file or -"),
    ],
)
def test_what_is_not_there_is_wrong_usage(run: Run, words: tuple[str, ...], says: str) -> None:
    code, out, err = run("check", *words)
    assert (code, out) == (2, "")
    assert says in err

    code, out, err = run("check", *words, "-o", "json")
    assert (code, err) == (2, "")
    assert says in json.loads(out)["error"]


def test_a_file_that_cannot_be_read_is_told_beside_what_is_found_in_others(run: Run, toystore: Path) -> None:
    (toystore / "latin.yaml").write_bytes(b"# caf\xe9")
    policy = toystore / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("limit: 5", "limit: 0"))
    code, out, _ = run("check", toystore)
    assert code == 2
    assert "toystore/latin.yaml:1:1: mistake: not-readable" in out
    assert "limit-below-one" in out


def test_a_name_that_is_no_text_is_told_escaped(run: Run, tmp_path: Path) -> None:
    not_utf8(tmp_path, b"caf\xe9.yaml").write_text("kind: [")
    for output in ("text", "json", "sarif", "github"):
        code, out, _ = run("check", tmp_path, "-o", output)
        assert code == 1
        assert "caf" in out


def test_an_empty_folder_serves_nothing(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("check", tmp_path)
    assert code == 0
    assert out.startswith(f"{tmp_path}:1:1: warning: nothing-to-serve")


@pytest.mark.parametrize("output", ["json", "sarif"])
def test_for_programs_it_is_json_also_where_all_is_well(run: Run, output: str) -> None:
    for path in (MISTAKE, EXAMPLES / "toystore"):
        assert json.loads(run("check", path, "-o", output)[1])


def test_a_workflow_gets_nothing_where_all_is_well(run: Run) -> None:
    assert run("check", EXAMPLES / "toystore", "-o", "github")[1] == ""
    assert run("check", MISTAKE, "-o", "github")[1].startswith(
        f"::error file={MISTAKE},line=27,col=72,title="
    )


@pytest.mark.parametrize(
    ("environment", "is_terminal", "coloured"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm"}, False, False),
    ],
)
def test_colours_are_for_terminals_of_those_who_want_them(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    is_terminal: bool,
    coloured: bool,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert ("\x1b[" in run("check", WARNING)[1]) is coloured


def test_modules_that_are_not_there_are_wrong_usage(run: Run, tmp_path: Path) -> None:
    code, _, err = run("check", MISTAKE, "--modules", tmp_path / "nowhere")
    assert code == 2
    # The lines of a box are of any length.
    assert "does not exist" in " ".join(err.replace("│", "").split())
