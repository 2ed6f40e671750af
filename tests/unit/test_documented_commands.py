"""Commands that pages show are commands that there are: with these options, targets, files and values.

Each is run by a test, or `tests/shown_commands.yaml` says why not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kuadrant.cli import app
from tests import shown_commands
from tests.shown_commands import COMMANDS, ROOT, SHOWN, Known, Shown, known

if TYPE_CHECKING:
    from collections.abc import Iterable

OTHERS = {"cosign", "ctr", "curl", "cp", "pip", "podman", "skopeo"}
"""Programs that are not ours; what they take is not looked at."""


def of(program: str) -> list[Shown]:
    found = [one for one in SHOWN if one.words[0] == program and len(one.words) > 1]
    assert found, f"no page shows {program}; is this test still right?"
    return sorted(set(found))


def options(words: Iterable[str]) -> set[str]:
    """The options among them."""
    return {word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)}


@pytest.mark.parametrize("shown", of("kuadrant"), ids=lambda one: f"{one.page}: {' '.join(one.words)}")
def test_kuadrant_has_the_command_and_its_options(shown: Shown) -> None:
    command: Any = app
    rest = list(shown.words[1:])
    while rest and rest[0] in [*command]:
        command = command[rest.pop(0)]
    assert command is not app, f"{shown.page}: kuadrant {rest[0]}"
    arguments = command.assemble_argument_collection(parse_docstring=True)
    known = {name for argument in arguments for name in argument.names} | {"--help"}
    assert options(rest) - known == set(), shown.page


def test_make_has_the_target_and_reads_the_variables() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    wrong = [
        one
        for one in of("make")
        for word in one.words[1:]
        if (
            f"$({word.partition('=')[0]})" not in makefile and word.partition("=")[0] not in makefile
            if "=" in word
            else word not in targets
        )
    ]
    assert wrong == []


def test_files_that_kubectl_and_helm_are_given_are_in_the_checkout() -> None:
    given = [
        (one.page, after)
        for one in (*of("kubectl"), *of("helm"))
        for word, after in zip(one.words, one.words[1:], strict=False)
        if (word in ("-f", "-k", "--filename", "--kustomize") or re.match(r"charts/", after))
        # What a release holds is under names of its own.
        and one.page != "docs/release.md"
    ]
    assert [(page, path) for page, path in given if not (ROOT / path).exists()] == []


def test_helm_is_given_values_that_the_chart_has() -> None:
    values = yaml.safe_load((ROOT / "charts" / "kuadrant" / "values.yaml").read_text())
    for one in of("helm"):
        for word, after in zip(one.words, one.words[1:], strict=False):
            if word in ("--set", "--set-string"):
                found: Any = values
                for part in after.partition("=")[0].split("."):
                    assert part in found, (one.page, after)
                    found = found[part]


def test_benchmarks_that_are_shown_are_there() -> None:
    for one in of("python"):
        words = one.words[1:]
        if words[0] == "-m" and words[1].startswith("benchmarks."):
            file = ROOT / (words[1].replace(".", "/") + ".py")
        elif words[0].startswith("benchmarks/"):
            file = ROOT / words[0]
        else:
            continue
        assert file.exists(), one
        assert [flag for flag in options(words) - {"-m"} if f'"{flag}"' not in file.read_text()] == [], one


def test_nothing_that_looks_like_a_command_of_ours_is_overlooked() -> None:
    programs = {one.words[0] for one in SHOWN}
    assert programs >= {"kuadrant", "make", "kubectl", "helm", "python", "curl"}


@pytest.mark.parametrize("shown", sorted(set(COMMANDS)), ids=lambda one: f"{one.page}: {one.text}")
def test_a_command_is_run_by_a_test_or_it_is_said_why_not(shown: Shown) -> None:
    assert shown_commands.of(shown) is not None, "say it in tests/shown_commands.yaml"


@pytest.mark.parametrize("entry", known(), ids=lambda one: f"{one.page} {one.command}")
def test_an_entry_is_about_a_command_that_is_shown_and_a_test_that_is_there(entry: Known) -> None:
    assert bool(entry.run) != bool(entry.why)
    assert not entry.run or (ROOT / entry.run).is_file()
    assert any(shown_commands.of(one) == entry for one in COMMANDS), "no page shows such a command any more"
