"""What a dashboard is made of: rows of panels, each with its expressions.

``scripts/generate_dashboards.py`` makes Grafana's JSON of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["short", "reqps", "percentunit", "s", "bytes"]


@dataclass(frozen=True)
class Query:
    """An expression, and what its lines are called; a table has none."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """Something to look at.

    Attributes:
        title: What it shows, in a few words.
        tells: What to think of it.
        queries: What is drawn.
        kind: How it is drawn.
        unit: What is counted.
        good: For a single number: the value from which on all is well, or up to which, with ``least``.
        least: Whether more is better.
        width: Its part of the 24 columns.
    """

    title: str
    tells: str
    queries: tuple[Query, ...]
    kind: Literal["stat", "timeseries", "table"] = "timeseries"
    unit: Unit = "short"
    good: float | None = None
    least: bool = True
    width: int = 12


@dataclass(frozen=True)
class Dashboard:
    """One page: its panels by row, and the labels that can be chosen, each with the metric that has it."""

    name: str
    title: str
    about: str
    rows: dict[str, tuple[Panel, ...]]
    choices: dict[str, str]
