"""What shims are told.

One folder of ``tests/golden/dialects`` for each case, one file in it for each dialect.

Where a dialect cannot express the case, the file has the words for it instead of a configuration.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec import Struct

from kuadrant.compiler.program import HostProgram
from kuadrant.dialects import DIALECTS, InexpressibleError, Service, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = sorted((Path(__file__).parents[2] / "golden" / "dialects").glob("*/program.yaml"))


PACKED = "kuadrant-v2"
"""The same as version 1, or that packed."""
WRITTEN = [name for name in DIALECTS if name != PACKED]


class Strict(Service, frozen=True, forbid_unknown_fields=True):
    pass


class Case(Struct, forbid_unknown_fields=True):
    hosts: tuple[HostProgram, ...]
    service: Strict


@pytest.mark.parametrize("dialect", WRITTEN)
@pytest.mark.parametrize("program", CASES, ids=lambda path: path.parent.name)
def test_a_program_as_a_shim_s_configuration(
    program: Path, dialect: str, golden: Callable[[Path, str], None]
) -> None:
    case = msgspec.yaml.decode(program.read_bytes(), type=Case)
    try:
        rendered = DIALECTS[dialect].render(case.hosts, case.service)
    except InexpressibleError as error:
        golden(program.with_name(f"{dialect}.txt"), f"{error}\n")
        return
    # The file has line breaks for its readers; the bytes that are sent have none.
    assert rendered == msgspec.json.format(rendered, indent=-1)
    golden(program.with_name(f"{dialect}.json"), msgspec.json.format(rendered, indent=2).decode() + "\n")


def test_there_are_cases_and_each_dialect_has_one_file_for_each() -> None:
    assert len(CASES) >= 8
    for case in CASES:
        files = {path.stem for path in case.parent.iterdir() if path != case}
        assert files == set(WRITTEN)
        assert len([*case.parent.iterdir()]) == len(WRITTEN) + 1


@pytest.mark.parametrize("program", CASES, ids=lambda path: path.parent.name)
def test_version_2_stands_for_what_version_1_says(program: Path) -> None:
    case = msgspec.yaml.decode(program.read_bytes(), type=Case)
    many = tuple(
        msgspec.structs.replace(host, hostname=f"{number}.{host.hostname.removeprefix('*.')}")
        for number in range(2000)
        for host in case.hosts
    )
    for hosts in (case.hosts, many):
        rendered = DIALECTS[PACKED].render(hosts, case.service)
        assert unpacked(rendered) == DIALECTS["kuadrant-v1"].render(hosts, case.service)
