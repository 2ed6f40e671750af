"""`kuadrant test`, by its output and exit codes."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuadrant.cli import command_line

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parents[3] / "examples"
FILE = "toystore.kuadrant-test.yaml"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `kuadrant test`; return exit code, standard output and standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            command_line.main(["test", *map(str, arguments)])
        output = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, output.out, output.err

    return run


@pytest.fixture
def toystore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example, beside which commands run."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXAMPLES / "toystore", tmp_path / "toystore")
    return Path("toystore")


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("example", ["toystore", "toystore-v1"])
def test_the_examples_meet_their_tests_which_reach_all_of_them(
    run: Callable[..., tuple[int, str, str]], example: str
) -> None:
    code, out, err = run(EXAMPLES / example, "--coverage")

    assert (code, err) == (0, "")
    assert out.count("  pass  ") == 3
    assert out.endswith(
        "3 tests: 3 passed (31 requests answered)\ntests reach 1 of 1 limit and 2 of 2 rules\n"
    )


@pytest.mark.parametrize("example", ["toystore", "toystore-v1"])
def test_tests_beside_policies_change_nothing_of_what_is_translated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], example: str
) -> None:
    folder = shutil.copytree(EXAMPLES / example, tmp_path / example)

    def translated() -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as exit_:
            command_line.main(["translate", str(folder)])
        return exit_.value.code, *capsys.readouterr()

    with_tests = translated()
    (folder / FILE).unlink()
    assert translated() == with_tests
    assert with_tests[0] == 0


def test_an_expectation_that_is_missed_is_exit_code_1(
    run: Callable[..., tuple[int, str, str]], toystore: Path
) -> None:
    _edit(toystore / "ratelimitpolicy.yaml", "limit: 5", "limit: 4")

    code, out, err = run("toystore")

    assert (code, err) == (1, "")
    assert "  FAIL  five new toys in ten seconds\n" in out
    assert "expected  200x5 then 429x3\n          got       200x4 then 429x4\n" in out
    assert "429: limited by create-toy of default/toystore (4 in 10s), free again in 10s\n" in out
    assert "\x1b" not in out


def test_without_paths_this_folder_is_looked_through(
    run: Callable[..., tuple[int, str, str]], toystore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toystore)
    assert run()[1].startswith(f"{FILE}\n")
    monkeypatch.chdir("..")
    assert run()[1].startswith(f"toystore/{FILE}\n")


def test_a_file_is_run_once_however_often_it_is_named(
    run: Callable[..., tuple[int, str, str]], toystore: Path
) -> None:
    code, out, _ = run("toystore", toystore / FILE, "./toystore/../toystore", "-o", "json")

    assert code == 0
    assert [file["file"] for file in json.loads(out)["files"]] == [f"toystore/{FILE}"]


def test_policies_may_lie_elsewhere_and_be_single_files(
    run: Callable[..., tuple[int, str, str]], toystore: Path, tmp_path: Path
) -> None:
    (tmp_path / "tests").mkdir()
    text = (toystore / FILE).read_text()
    names = ("gateway", "httproute", "ratelimitpolicy")
    policies = ", ".join(f"../toystore/{name}.yaml" for name in names)
    (tmp_path / "tests" / FILE).write_text(f"policies: [{policies}, ../toystore/gateway.yaml]\n{text}")

    assert run("tests")[0] == 0


@pytest.mark.parametrize(
    ("name", "edit", "says"),
    [
        (FILE, ("limitedBy", "limitedby"), ":7:42: test five new toys in ten seconds: tests[0].steps[0]"),
        (FILE, ("tests:", "policies: [a]\ntests:"), ":2:12: policies[0]: is 'a', and there is no toystore/a"),
        (FILE, ("tests:", "gateway: other\ntests:"), ":2:10: gateway: is other, which there is not; there"),
        (
            "ratelimitpolicy.yaml",
            ("unit: second", "unit: week"),
            ":16:17: RateLimitPolicy default/toystore: ",
        ),
    ],
)
def test_input_that_is_wrong_is_exit_code_2_and_told_with_its_place(
    run: Callable[..., tuple[int, str, str]], toystore: Path, name: str, edit: tuple[str, str], says: str
) -> None:
    _edit(toystore / name, *edit)

    code, out, err = run("toystore")

    assert (code, out) == (2, "")
    assert err.startswith(f"toystore/{name}{says}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("form", ["json", "junit", "github"])
def test_programs_are_told_of_wrong_input_in_their_form(
    run: Callable[..., tuple[int, str, str]], toystore: Path, form: str
) -> None:
    _edit(toystore / FILE, "limitedBy", "limitedby")

    code, out, err = run("toystore", "-o", form)

    assert (code, err) == (2, "")
    assert "is not a field" in out


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (".", ".:1:1: no test found; write one into a file *.kuadrant-test.yaml (docs/policy-tests.md)"),
        ("nowhere", "nowhere:1:1: does not exist; give a folder, or a file whose name ends with {}"),
        ("a.yaml", "a.yaml:1:1: is no test file; give a folder, or a file whose name ends with {}"),
        ("b.kuadrant-test.yaml", "b.kuadrant-test.yaml:1:1: cannot be read: No such file or directory"),
        ("pipe.kuadrant-test.yaml", "pipe.kuadrant-test.yaml:1:1: is not a regular file"),
        ("latin.kuadrant-test.yaml", "latin.kuadrant-test.yaml:1:1: is not UTF-8 text (byte 0)"),
    ],
)
def test_where_no_test_is_nothing_passes(
    run: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").touch()
    if path != ".":
        os.mkfifo(tmp_path / "pipe.kuadrant-test.yaml")
        (tmp_path / "latin.kuadrant-test.yaml").write_bytes(b"\xe9")

    assert run(path) == (2, "", f"{says.format('.kuadrant-test.yaml')}\n")


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_it_asks_for_none(
    toystore: Path, monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", variable)
    master, terminal = os.openpty()
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        with pytest.raises(SystemExit, match="0"):
            command_line.main(["test", str(toystore)])
    try:
        assert (b"\x1b[32mpass\x1b[0m" in os.read(master, 65536)) is coloured
    finally:
        os.close(master)


def test_a_gateway_that_is_away_is_exit_code_2_in_one_line(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    code, out, err = run(EXAMPLES / "toystore", "--against", f"http://127.0.0.1:{port}")

    assert (code, out) == (2, "")
    assert err.startswith(f"kuadrant: http://127.0.0.1:{port} cannot be asked: ")
    assert err.count("\n") == 1


def test_where_no_test_can_be_asked_of_a_gateway_nothing_passes(
    run: Callable[..., tuple[int, str, str]], toystore: Path
) -> None:
    step = "request: {host: a.x, source: 10.0.0.7}"
    (toystore / FILE).write_text(f"tests: [{{name: a, steps: [{step}]}}]\n")

    code, out, err = run("toystore", "--against", "http://127.0.0.1:1")

    assert (code, err) == (2, "kuadrant: no test could be asked of http://127.0.0.1:1\n")
    assert "  skip  a (steps[0].request.source: a real gateway sees where we are)\n" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--against", "127.0.0.1:8000"),
            "is not the address of a gateway; write it like http://127.0.0.1:8000",
        ),
        (
            ("--against", "http://a/toys"),
            "is not the address of a gateway; write it like http://127.0.0.1:8000",
        ),
        (("--longest-wait", "5"), "'5' is not a duration; write it like 90s, 2m or 1h30m"),
        (("--output", "sarif"), "text"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    run: Callable[..., tuple[int, str, str]], options: tuple[str, ...], says: str
) -> None:
    code, out, err = run(EXAMPLES / "toystore", *options)

    assert (code, out) == (2, "")
    assert says in " ".join(err.replace("│", "").split())
