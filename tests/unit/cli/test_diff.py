"""`kuadrant diff`, by its output and exit codes; the page about it shows what it really prints."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuadrant.cli import command_line as cli

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "diff.md"
EDITS = {
    "before": (),
    "six": (("limit: 5", "limit: 6"),),
    "headers": (
        ("limit: 5", "limit: 6"),
        ("      rates:", "      counters: [request.headers.x-user]\n      rates:"),
    ),
    "told": (("  limits:", "  response: {retryAfter: false}\n  limits:"),),
}


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run the command beside edited copies of the example; return exit code, output and errors."""
    for name, edits in EDITS.items():
        folder = shutil.copytree(ROOT / "examples" / "toystore", tmp_path / name)
        policy = folder / "ratelimitpolicy.yaml"
        for old, new in edits:
            text = policy.read_text()
            assert old in text
            policy.write_text(text.replace(old, new))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            cli.main(["diff", *map(str, arguments)])
        output = capsys.readouterr()
        return int(exit_.value.code or 0), output.out, output.err

    return run


def _shown() -> list[tuple[str, str]]:
    """The commands of the page with what they print."""
    blocks = PAGE.read_text().split("    $ kuadrant diff ")[1:]
    found = []
    for block in blocks:
        command, *rest = block.splitlines()
        lines = []
        for line in rest:
            if line and not line.startswith("    "):
                break
            lines.append(line.removeprefix("    "))
        found.append((command, "\n".join(lines).strip("\n") + "\n"))
    return found


@pytest.mark.parametrize(("command", "shown"), _shown())
def test_the_page_shows_what_is_printed(
    run: Callable[..., tuple[int, str, str]], command: str, shown: str
) -> None:
    assert run(*command.split()) == (1, shown, "")


def test_one_of_the_two_may_be_standard_input(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(file for file in (tmp_path / "six").glob("*.yaml") if "test" not in file.name)
    text = "\n---\n".join(file.read_text() for file in names)

    def piped() -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    piped()
    assert run("-", "six") == (0, "", "")
    piped()
    code, out, err = run("before", "-")
    assert (code, err) == (1, "")
    assert "5 in 10 s -> 6 in" in out
    code, out, err = run("-", "-")
    assert (code, out) == (2, "")
    assert "standard input can be one of the two only" in " ".join(err.split())


def test_what_does_the_same_is_told_by_silence(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("before", ROOT / "examples" / "toystore-v1") == (0, "", "")


def test_a_file_is_as_good_as_a_folder(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    for name in ("before", "six"):
        texts = [
            file.read_text() for file in sorted((tmp_path / name).glob("*.yaml")) if "test" not in file.name
        ]
        (tmp_path / f"{name}.yaml").write_text("\n---\n".join(texts))
    code, out, err = run("before.yaml", "six.yaml")
    assert (code, err) == (1, "")
    assert "7:\n    200x5 then 429x2 -> 200x6 then 429\n" in out


def test_programs_get_one_json_object(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("before", "six", "-o", "json")
    record = json.loads(out)
    assert (code, err) == (1, "")
    (limit,) = record["limits"]
    assert (limit["change"], limit["before"]["rates"], limit["after"]["rates"]) == (
        "changed",
        [[5, 10]],
        [[6, 10]],
    )
    assert limit["after"]["origin"]["file"] == "six/ratelimitpolicy.yaml"
    (request,) = record["requests"]
    assert request["before"] == [
        {"answer": "200", "told": [], "count": 5},
        {"answer": "429", "told": [], "count": 2},
    ]
    code, out, err = run("six", "six", "-o", "json")
    assert (code, json.loads(out)["limits"], err) == (0, [], "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("before",), "two folders or files are needed; write kuadrant diff OLD NEW"),
        (("before", "gone"), "gone does not exist; give a folder or a file"),
        (("before", "six", "--cluster"), "with --cluster there is one folder or file"),
        (("before", "before", "-o", "xml"), "xml"),
        (("before", "before", "six"), "six"),
        (("before", "--cluster", "--kubeconfig", "gone"), "gone"),
    ],
)
def test_what_is_wrong_is_said(
    run: Callable[..., tuple[int, str, str]], words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(*words)
    assert (code, said in out + err, "Traceback" in err) == (2, True, False), out + err


def test_mistakes_are_told_with_their_places(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    policy = tmp_path / "six" / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("limit: 6", "limit: six"))
    code, out, err = run("before", "six")
    assert (code, out) == (2, "")
    assert err.startswith("six/ratelimitpolicy.yaml:14:18: mistake: invalid-field\n")


def test_lines_end_at_80_columns_but_for_what_is_to_be_copied(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    lines = [line for folder in ("six", "headers", "told") for line in run("before", folder)[1].splitlines()]
    assert all(len(line) <= 80 for line in lines), [line for line in lines if len(line) > 80]
