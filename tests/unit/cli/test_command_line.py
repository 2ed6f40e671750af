"""The command line, by its output and exit codes."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kuadrant.cli import command_line as cli
from kuadrant.wasm import catalogue
from kuadrant.wasm.catalogue import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_help_names_every_command_and_says_what_it_does(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("--help")

    assert code == 0
    for words in ("run", "translate", "wasm", "Run the Gateways of a folder of YAML on a real Envoy"):
        assert words in out


@pytest.mark.parametrize("columns", ["0", "1", "2", "7", "19"])
@pytest.mark.parametrize("words", [(), ("--help",), ("explain", "--help")])
def test_help_ends_on_the_narrowest_terminal(words: tuple[str, ...], columns: str) -> None:
    # In a process of its own: what lays the help out may have looked at the width of this one before.
    done = subprocess.run(
        [sys.executable, "-m", "kuadrant", *words],
        env={**os.environ, "COLUMNS": columns},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert "Usage" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 20


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("ratelimit",),
        ("translate",),
        ("test",),
        ("wasm",),
        ("wasm", "list"),
        ("wasm", "inspect"),
        ("wasm", "verify"),
    ],
)
def test_every_command_explains_itself(
    run: Callable[..., tuple[int, str, str]], command: tuple[str, ...]
) -> None:
    code, out, _ = run(*command, "--help")

    assert code == 0
    assert "Usage: kuadrant " + " ".join(command) in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("walk",),
        ("run",),
        ("run", "x", "--port", "0"),
        ("run", "x", "--port", "70000"),
        ("run", "x", "--rate-limit-timeout", "soon"),
        ("run", "x", "--rate-limit-service", "limitador:8081"),
        ("ratelimit", "--port", "0"),
        ("ratelimit", "limitador"),
        ("translate", "x", "-o", "pdf"),
        ("wasm", "verify"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    run: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(*arguments)

    assert code == 2
    assert out + err
    assert "Traceback" not in out + err


def test_the_limits_of_a_folder_are_yaml(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("translate", EXAMPLES / "toystore", "-o", "limits")

    assert code == 0
    assert yaml.safe_load(out)[0]["max_value"] == 5


def test_the_mistakes_of_a_folder_are_exit_code_1(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(EXAMPLES / "toystore", tmp_path / "toystore"))
    policy = folder / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("unit: second", "unit: week"))

    code, out, err = run("translate", folder)

    assert (code, out) == (1, "")
    assert "ratelimitpolicy.yaml" in err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("translate {}/nowhere", "does not exist; give a folder"),
        ("translate {}/pipe", "is not a regular file; give a file"),
        ("run {}/pipe", "is not a regular file; give a file"),
        ("translate {} --modules {}/nowhere", "does not exist; give a folder"),
        ("run {}/nowhere", "does not exist; give a folder"),
        ("run {} --modules {}/file", "is not a folder; give a folder"),
        ("wasm list --modules {}/nowhere", "does not exist; give a folder"),
        ("wasm list --modules {}/file", "is not a folder; give a folder"),
        ("wasm inspect --modules {}/nowhere", "does not exist; give a folder"),
        ("wasm inspect {}/nowhere", "cannot be read: No such file or directory"),
        ("wasm verify {}/nowhere", "cannot be read: No such file or directory"),
        ("wasm verify {}", "is a folder; give a file"),
        ("wasm verify {}/pipe", "is not a regular file; give a file"),
        ("wasm verify {}/large", "is larger than 64 MiB"),
        ("wasm fetch v0.6.0 --from-file {}", "is a folder; give a file"),
        ("wasm gc --modules {}/nowhere", "does not exist; give a folder"),
    ],
)
def test_a_path_that_cannot_be_one_is_wrong_usage_and_named(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, command: str, says: str
) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate((64 << 20) + 1)

    code, out, err = run(*command.format(*[tmp_path] * 2).split())

    assert (code, out) == (2, "")
    # The lines of a box are of any length.
    assert says in " ".join(err.replace("│", "").split())


def test_a_folder_without_yaml_is_translated_and_told(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, out, err = run("translate", tmp_path, "-o", "limits")

    assert (code, out) == (0, "[]\n")
    assert err.splitlines()[:4] == [
        f"warning: {tmp_path} holds no *.yaml, *.yml or *.json",
        ".:1:1: warning: nothing-to-serve",
        "  there is no Gateway with a listener of the protocol HTTP or HTTPS, so nothing",
        "  is served",
    ]


def test_warnings_of_a_folder_are_told_as_such(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(EXAMPLES / "toystore", tmp_path / "toystore"))
    policy = folder / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("limit: 5", "limit: -5"))

    code, out, err = run("translate", folder, "-o", "limits")

    assert (code, yaml.safe_load(out)[0]["max_value"]) == (0, 0)
    assert err.startswith("ratelimitpolicy.yaml:14:18: warning: limit-below-one\n")
    assert "is -5, which counts as 0: no request" in " ".join(err.split())
    assert max(map(len, err.splitlines())) <= 80


def test_a_policy_that_loses_to_another_of_its_target_is_a_warning(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(EXAMPLES / "toystore-v1", tmp_path / "toystore"))
    policy = (folder / "ratelimitpolicy.yaml").read_text()
    (folder / "second.yaml").write_text(policy.replace("name: toystore", "name: zz", 1))

    code, _, err = run("translate", folder)

    assert code == 0
    assert err.startswith("ratelimitpolicy.yaml:10:11: warning: same-target\n")
    assert "default/zz has the same target and wins" in " ".join(err.split())


def test_programs_get_all_that_would_be_sent_and_what_was_found(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, err = run("translate", EXAMPLES / "toystore", "-o", "json")

    assert (code, err) == (0, "")
    told = json.loads(out)
    assert [*told] == ["envoy", "shim", "limits", "findings", "errors", "warnings", "notes"]
    for side in ("envoy", "shim", "limits"):
        assert yaml.safe_load(run("translate", EXAMPLES / "toystore", "-o", side)[1]) == told[side]


def test_one_file_and_standard_input_stand_for_a_folder(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [file for file in sorted((EXAMPLES / "toystore").glob("*.yaml")) if "test" not in file.name]
    whole = "\n---\n".join(file.read_text() for file in files)
    (tmp_path / "all.txt").write_text(whole)

    expected = run("translate", EXAMPLES / "toystore", "-o", "json")
    assert run("translate", tmp_path / "all.txt", "-o", "json") == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(whole.encode())))
    assert run("translate", "-", "-o", "json") == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(whole.encode())))
    code, out, _ = run("explain", "-", "http://api.toystore.com/toys", "-X", "POST")
    assert (code, "<stdin>:" in out) == (0, True)


@pytest.mark.parametrize("words", [("translate", "{}"), ("explain", "{}", "http://x/")])
def test_programs_get_the_mistakes_of_documents_as_findings(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: kuadrant.io/v1\nkind: RateLimitPolicy\nmetadata: {name: a}\n"
    )

    code, out, err = run(*(word.format(tmp_path) for word in words), "-o", "json")

    assert (code, err) == (1 if words[0] == "translate" else 2, "")
    told = json.loads(out)
    assert told["error"] == "1 mistake in the documents"
    assert (told["findings"][0]["code"], told["errors"]) == ("invalid-field", 1)


def test_options_that_take_a_text_of_a_form_say_which() -> None:
    """What has a converter takes something else than its type says, and so has a word of its own."""
    for path, command in _commands(cli.app, ()):
        if command.default_command is None:  # such as wasm
            continue
        for argument in command.assemble_argument_collection(parse_docstring=True):
            parameter = argument.parameter
            assert parameter.converter is None or parameter.metavar, (path, argument.name)


def _commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in group:
        if not name.startswith("-"):
            yield (*path, name), group[name]
            yield from _commands(group[name], (*path, name))


def test_the_list_of_modules_is_for_people_and_for_programs(run: Callable[..., tuple[int, str, str]]) -> None:
    sha256 = current().sha256

    assert sha256 in run("wasm", "list")[1]
    code, out, _ = run("wasm", "list", "--output", "json")
    assert code == 0
    assert json.loads(out)[0] == {
        "name": "kuadrant-wasm-shim",
        "version": current().version,
        "sha256": sha256,
        "size": len(current().data),
        "dialects": ["kuadrant-v4", "kuadrant-v3", "kuadrant-v2", "kuadrant-v1"],
        "source": "wasm-shim/",
        "current": True,
    }


def test_the_embedded_module_imports_only_what_a_host_offers(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, _ = run("wasm", "inspect", "--output", "json")

    inspection = json.loads(out)
    assert code == 0
    assert inspection["problems"] == []
    assert inspection["abi"] == ["0.2.1"]
    assert all(wanted.startswith("function env.proxy_") for wanted in inspection["imports"])


def test_inspecting_something_else_says_what_it_is_not(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "page.wasm"
    file.write_text("<html>")

    code, _, err = run("wasm", "inspect", file)

    assert code == 1
    assert "not a wasm module" in err


def test_a_copy_of_the_embedded_module_is_recognised(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "copy.wasm"
    file.write_bytes(current().data)

    code, out, _ = run("wasm", "verify", file)

    assert code == 0
    assert f"It is the embedded module kuadrant-wasm-shim {current().version}." in out


def test_a_module_cut_short_is_not_loadable(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    file = tmp_path / "short.wasm"
    file.write_bytes(current().data[:1000])

    code, out, _ = run("wasm", "verify", file, "-o", "json")

    assert code == 1
    verification = json.loads(out)
    assert (verification["loadable"], verification["embedded"]) == (False, None)
    assert verification["problems"]


def test_output_that_cannot_be_written_is_said_in_a_line() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        result = subprocess.run(
            [sys.executable, "-u", "-m", "kuadrant", "wasm", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert result.returncode == 1
    assert result.stderr == "kuadrant: [Errno 28] No space left on device\n"


def test_ctrl_c_is_settled_before_anything_large_is_imported() -> None:
    """Otherwise an early Ctrl-C shows the traceback of some import."""
    script = "import sys, kuadrant.__main__; sys.exit('kuadrant.cli' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("command", [("run", "."), ("translate", "."), ("test", "."), ("wasm", "list")])
def test_a_build_whose_module_was_changed_does_not_start_and_says_why(
    run: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    modules = Path(shutil.copytree(Path(catalogue.__file__).parent / "modules", tmp_path / "modules"))
    with (modules / "kuadrant-wasm-shim.wasm").open("ab") as file:
        file.write(b"\0")
    # What a command imports when it runs finds its own files where they are.
    importlib.import_module("kuadrant.standalone.run")
    monkeypatch.setattr("kuadrant.wasm.catalogue.resources.files", lambda _package: tmp_path)
    shutil.copytree(EXAMPLES / "toystore", tmp_path / "toystore")
    monkeypatch.chdir(tmp_path / "toystore")

    code, out, err = run(*command)

    assert (code, out) == (1, "")
    assert f"kuadrant: {modules / 'kuadrant-wasm-shim.wasm'} is not what modules.lock says" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "command",
    [
        ("operator", "--help"),
        ("ratelimit", "--help"),
        ("wasm", "list"),
        ("translate", str(EXAMPLES / "toystore")),
        ("test", str(EXAMPLES / "toystore")),
    ],
)
def test_other_commands_need_nothing_of_standalone_mode(command: tuple[str, ...]) -> None:
    assert _without_standalone(*command).returncode == 0


def test_what_is_left_out_of_the_image_is_named_where_it_is_needed() -> None:
    done = _without_standalone("run", str(EXAMPLES / "toystore"))

    assert done.returncode == 1
    assert done.stderr.startswith("kuadrant run: the package ")
    assert "Traceback" not in done.stderr


def _without_standalone(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as in an installation from ``requirements/operator.txt``."""
    left_out = ("envoy", "watchfiles")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({left_out!r})); from kuadrant.cli import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
