"""Shows how the rate limit service of a cluster stands to its resource and its store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Gauge

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry


def show_gauges(
    registry: CollectorRegistry,
    *,
    generation: Callable[[], int],
    store_up: Callable[[], bool],
    following: Callable[[], bool],
) -> None:
    """Have ``registry`` tell what these say when it is asked.

    Args:
        registry: where everything else of the service is told.
        generation: that of the resource whose limits are held; 0 if none are.
        store_up: counters are in memory, or in a store that answers.
        following: changes of the resource are heard of.
    """
    gauges: tuple[tuple[str, str, Callable[[], float]], ...] = (
        (
            "kuadrant_ratelimit_generation",
            "The generation of the Limitador resource whose limits are held; 0 if none are",
            generation,
        ),
        (
            "kuadrant_ratelimit_store_up",
            "1 if counters are in memory or in a store that answers, else 0",
            store_up,
        ),
        ("datastore_partitioned", "Limitador is partitioned from backing datastore", lambda: not store_up()),
        (
            "kuadrant_ratelimit_following",
            "1 if changes of the Limitador resource are heard of, else 0",
            following,
        ),
    )
    for name, meaning, value in gauges:
        Gauge(name, meaning, registry=registry).set_function(value)
