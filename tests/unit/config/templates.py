"""The chart's templates as objects, for tests that need no Helm."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import yaml

from scripts.generate_chart import CHART

_FIELD = re.compile(
    r"^ *\{\{- with \.Values\.([\w.]+) \}\}\n"
    r"((?:.*\n)?)"
    r" *\{\{- toYaml \. \| nindent (\d+) \}\}\n"
    r" *\{\{- end \}\}\n",
    re.MULTILINE,
)


def _filled(values: Any, name: str, field: str, indent: str) -> str:
    """The field with its value; nothing where that is empty."""
    for part in name.split("."):
        values = values[part]
    return field + textwrap.indent(yaml.safe_dump(values), " " * int(indent)) if values else ""


def objects() -> list[dict[str, Any]]:
    """Every object that the chart may give, with its own values where they are whole fields.

    Where one stands within a field there is a word.
    """
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    found = []
    for path in sorted((CHART / "templates").rglob("*.yaml")):
        text = _FIELD.sub(lambda field: _filled(values, *field.groups()), path.read_text())
        text = re.sub(r"^ *\{\{-.*\}\}\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"\{\{.*?\}\}", "value", text)
        found += [document for document in yaml.safe_load_all(text) if document]
    return found
