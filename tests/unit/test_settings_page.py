"""docs/settings.md is what the command line says, and everything about a pod can be set by a variable."""

from __future__ import annotations

from collections import Counter

import pytest

from kuadrant.settings import OperatorSettings, RatelimitSettings
from scripts.generate_settings import COMMANDS, PAGE, page, settings


def test_what_is_checked_in_is_what_the_command_line_says() -> None:
    assert PAGE.read_text() == page(), "run `make generate`"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_setting_says_what_it_is_and_no_variable_means_two_things(command: str) -> None:
    assert [setting.name for setting in settings(command) if not setting.parameter.help] == []
    variables = Counter(
        variable for setting in settings(command) for variable in setting.parameter.env_var or ()
    )
    assert set(variables.values()) == {1}


@pytest.mark.parametrize("command", ["operator", "ratelimit"])
def test_what_runs_in_a_pod_can_be_set_by_variables(command: str) -> None:
    unset = [setting.name for setting in settings(command) if not setting.parameter.env_var]
    assert unset == (["--kubeconfig"] if command == "ratelimit" else [])  # for that there is KUBECONFIG


@pytest.mark.parametrize(
    ("command", "record"), [("operator", OperatorSettings), ("ratelimit", RatelimitSettings)]
)
def test_every_field_of_the_record_has_a_flag(command: str, record: type) -> None:
    flags = {setting.name.removeprefix("--").replace("-", "_") for setting in settings(command)}
    fields = set(record.__struct_fields__)  # type: ignore[attr-defined]
    renamed = {"delivery": "wasm_delivery"}
    assert {renamed.get(field, field) for field in fields} == flags - {"log_level", "log_mode"}
