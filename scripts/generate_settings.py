"""Write docs/settings.md: every setting of every command, or with --check compare it.

It is made from the command line's own definition.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from kuadrant.cli import app
from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
COMMANDS = ("operator", "ratelimit", "run")
_HEAD = """\
# Settings

<!-- Made from src/kuadrant/settings.py by `make generate`. -->

What can be set about each command that stays running, by a flag or by an environment variable. A flag wins
over a variable; of several variables the first that is set counts. `kuadrant COMMAND --help` says the same.

In a cluster, set variables: in the chart by `settings` and `ratelimit.settings`, else in the Deployment.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *("\n".join(_section(command)) for command in COMMANDS)])


def settings(command: str) -> list[Any]:
    """The settings of a command that have a flag, as the command line defines them."""
    arguments = app[command].assemble_argument_collection(parse_docstring=True)
    return [argument for argument in arguments if argument.name.startswith("--")]


def _section(command: str) -> Iterator[str]:
    yield f"## `kuadrant {command}`\n"
    yield f"{(app[command].help or '').splitlines()[0]}\n"
    yield "| flag | environment | default | what it is |"
    yield "|---|---|---|---|"
    for setting in settings(command):
        variables = ", ".join(f"`{variable}`" for variable in setting.parameter.env_var or ())
        text = " ".join((setting.parameter.help or "").split()).replace("|", "\\|")
        yield f"| `{setting.name}` | {variables} | {_default(setting)} | {_choices(setting)}{text} |"
    yield ""


def _default(setting: Any) -> str:
    if setting.required:
        return "none: has to be set"
    value = setting.field_info.default
    if value is None or value == "":
        return ""
    show = setting.parameter.show_default
    return f"`{show(value) if callable(show) else _plain(value)}`"


def _plain(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _choices(setting: Any) -> str:
    if get_origin(setting.hint) is not Literal:
        return ""
    *others, last = (f"`{choice}`" for choice in get_args(setting.hint))
    return f"{', '.join(others)} or {last}. "


if __name__ == "__main__":
    write_or_check(PAGE, page(), "the command line")
