"""The chart's templates as objects, for tests that need no Helm."""

from __future__ import annotations

import re
from typing import Any

import yaml

from scripts.generate_chart import CHART


def objects() -> list[dict[str, Any]]:
    """Every object that the chart may give, without what values add; where one stands there is a word."""
    found = []
    for path in sorted((CHART / "templates").rglob("*.yaml")):
        text = re.sub(r"^ *\{\{-.*\}\}\n", "", path.read_text(), flags=re.MULTILINE)
        text = re.sub(r"\{\{.*?\}\}", "value", text)
        found += [document for document in yaml.safe_load_all(text) if document]
    return found
