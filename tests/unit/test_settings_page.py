"""docs/settings.md is what the command line says, and everything about a pod can be set by a variable."""

from __future__ import annotations

from collections import Counter

import pytest

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
