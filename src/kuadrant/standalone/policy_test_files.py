"""The files of `kuadrant test`: which tests there are, and the policies that each of them is about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.problem import Problem
from kuadrant.compiler import Compiler
from kuadrant.policy_tests import LoadedPolicies, PolicyTestFile
from kuadrant.policy_tests import read as read_tests
from kuadrant.policy_tests.simulated_gateway import SimulatedGateway
from kuadrant.standalone import folder_files
from kuadrant.standalone.folder_selection import TEST_SUFFIXES, FolderError, printable, walk
from kuadrant.standalone.plan import Mistakes, compiled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.standalone.folder_files import File
    from kuadrant.standalone.plan import PlanSettings


class FileToRun(Struct, frozen=True):
    """A file of tests with the policies and the port of a gateway that it is about."""

    file: PolicyTestFile
    policies: LoadedPolicies
    gateway: SimulatedGateway


class PolicyTestFiles:
    """Reads files of tests; policies that several of them are about are read and compiled once."""

    def __init__(self, surroundings: PlanSettings) -> None:
        self._surroundings = surroundings
        self._loaded: dict[tuple[str, ...], LoadedPolicies | tuple[Problem, ...]] = {}

    def read(self, paths: Iterable[Path]) -> tuple[tuple[FileToRun, ...], tuple[Problem, ...]]:
        """Return the tests of ``paths``, files and folders, and every mistake in them and their policies.

        That there is no test is a mistake.
        """
        paths = tuple(paths)
        tests: list[FileToRun] = []
        problems: dict[Problem, None] = {}
        for path in dict.fromkeys(self._found(paths, problems)):
            one = self._read_one(path)
            if isinstance(one, FileToRun):
                tests.append(one)
            else:
                problems.update(dict.fromkeys(one))
        if not tests and not problems:
            where = ", ".join(map(str, paths))
            message = f"no test found; write one into a file *{TEST_SUFFIXES[0]} (docs/policy-tests.md)"
            problems[_problem(where, message)] = None
        return tuple(tests), tuple(problems)

    def _found(self, paths: Iterable[Path], problems: dict[Problem, None]) -> Iterator[str]:
        for path in paths:
            try:
                if path.is_dir():
                    yield from (os.path.normpath(entry.path) for entry in walk(path).tests)
                elif path.name.endswith(TEST_SUFFIXES):
                    yield os.path.normpath(path)
                else:
                    what = "is no test file" if path.exists() else "does not exist"
                    message = f"{what}; give a folder, or a file whose name ends with {TEST_SUFFIXES[0]}"
                    problems[_problem(str(path), message)] = None
            except FolderError as error:
                problems[_problem(str(path), f"cannot be searched: {error}")] = None
            except (OSError, ValueError) as error:
                problems[_problem(str(path), f"cannot be looked at: {error}")] = None

    def _read_one(self, path: str) -> FileToRun | tuple[Problem, ...]:
        text = folder_files.read_file(Path(path), printable(path))
        if text.error is not None:
            return (_problem(path, text.error),)
        file = read_tests(text.path, text.text)
        if not isinstance(file, PolicyTestFile):
            return file
        policies = self._policies(path, file)
        if not isinstance(policies, LoadedPolicies):
            return policies
        gateway = policies.gateway_of(file)
        return (gateway,) if isinstance(gateway, Problem) else FileToRun(file, policies, gateway)

    def _policies(self, path: str, file: PolicyTestFile) -> LoadedPolicies | tuple[Problem, ...]:
        place = os.path.dirname(path)  # noqa: PTH120 - pathlib would take "." away, and ".." not
        wanted = file.tests.policies or (".",)
        roots = tuple(os.path.normpath(os.path.join(place, one)) for one in wanted)  # noqa: PTH118
        for index, root in enumerate(roots):
            if "\0" in root or not os.path.exists(root):  # noqa: PTH110
                line, column = file.place(("policies", index))
                message = f"is {wanted[index]!r}, and there is no {printable(root)}; give a file or a folder"
                return (Problem(file.path, line, column, "", f"policies[{index}]", message),)
        if roots not in self._loaded:
            self._loaded[roots] = self._load(roots)
        return self._loaded[roots]

    def _load(self, roots: tuple[str, ...]) -> LoadedPolicies | tuple[Problem, ...]:
        files: dict[str, File] = {}
        for root in roots:
            try:
                files |= {file.path: file for file in folder_files.read_below(Path(root))}
            except FolderError as error:
                return (_problem(root, f"cannot be read: {error}"),)
        compiler = Compiler()
        made = compiled(files.values(), self._surroundings, compiler.compile)
        if isinstance(made, Mistakes):
            return tuple(one.problem for one in made.problems)
        failure_mode = self._surroundings.service.failure_mode
        return LoadedPolicies(made.folder, made.compilation, compiler.origins, failure_mode)


def _problem(path: str, message: str) -> Problem:
    return Problem(printable(path), 1, 1, "", "", message)
