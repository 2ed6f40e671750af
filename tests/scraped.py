"""What a process tells Prometheus, held to docs/metrics.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scripts.generate_metrics import Told


def scraped(text: str) -> dict[str, tuple[str, set[str]]]:
    """The type and labels of each metric of a scrape, by its name; labels as far as it has values."""
    found: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        kind = "untyped" if family.type == "unknown" else family.type
        # The parser takes the suffix of a counter away, also from one of Envoy's that has none.
        is_ours = kind == "counter" and f"# TYPE {family.name}_total " in text
        labels = {label for one in family.samples for label in one.labels} - {"le"}
        found[family.name + "_total" * is_ours] = (kind, labels)
    return found


def assert_told(text: str, metrics: Iterable[Told]) -> None:
    """Hold that a scrape has each of these metrics and no other, with their types and labels."""
    found, expected = scraped(text), {one.name: one for one in metrics}
    assert sorted(found) == sorted(expected)
    for name, (kind, labels) in found.items():
        assert kind == expected[name].type, name
        assert labels in (set(), set(expected[name].labels)), name
