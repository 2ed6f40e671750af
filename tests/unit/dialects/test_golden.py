"""What the shim is told: one folder of ``tests/golden/dialects`` for each case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec import Struct

from kuadrant.compiler.program import HostProgram
from kuadrant.dialects import kuadrant

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = sorted((Path(__file__).parents[2] / "golden" / "dialects").glob("*/program.yaml"))


class Case(Struct, forbid_unknown_fields=True):
    hosts: tuple[HostProgram, ...]
    service: kuadrant.Service


@pytest.mark.parametrize("program", CASES, ids=lambda path: path.parent.name)
def test_a_program_as_the_shim_s_configuration(program: Path, golden: Callable[[Path, str], None]) -> None:
    case = msgspec.yaml.decode(program.read_bytes(), type=Case)
    expected = program.with_name("shim.json")
    rendered = kuadrant.render(case.hosts, case.service)
    # The file has line breaks for its readers; the bytes that are sent have none.
    assert rendered == msgspec.json.format(rendered, indent=-1)
    text = msgspec.json.format(rendered, indent=2).decode() + "\n"
    golden(expected, text)


def test_there_are_cases() -> None:
    assert len(CASES) >= 4
