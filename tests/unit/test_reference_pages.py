"""Pages that are made from what they tell of: definitions, the command line, what was tried."""

from __future__ import annotations

import re

from kuadrant.api.crd import custom_resource_definitions
from kuadrant.cli import app
from scripts import generate_commands, generate_compatibility, generate_fields


def test_the_page_of_fields_is_what_the_definitions_say() -> None:
    assert generate_fields.PAGE.read_text() == generate_fields.page(), "run `make generate`"


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    assert generate_commands.PAGE.read_text() == generate_commands.page(), "run `make generate`"


def test_the_page_of_versions_is_what_was_tried() -> None:
    assert generate_compatibility.PAGE.read_text() == generate_compatibility.page(), "run `make generate`"


def test_every_field_that_people_can_write_is_described() -> None:
    rows = re.findall(r"^\| `(.+?)` \| .+? \|(.*)\|$", generate_fields.page(), re.MULTILINE)
    assert len(rows) > 50 * len(custom_resource_definitions())
    assert [field for field, words in rows if not words.strip()] == []


def test_every_command_has_a_section() -> None:
    page = generate_commands.page()
    names = [name for name in app if not name.startswith("-")]
    assert [name for name in names if f"\n## kuadrant {name}\n" not in page] == []
