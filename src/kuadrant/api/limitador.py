"""The limits of a ``Limitador`` resource (``limitador.kuadrant.io/v1alpha1``): the contract of every rate limit service."""

from __future__ import annotations

from msgspec import Struct


class Limit(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=False):
    """At most ``max_value`` requests in ``seconds``, counted apart for each value of ``variables``.

    It applies to requests of ``namespace`` (the domain of the rate limit request) for which every condition holds.
    Conditions and variables are CEL over ``descriptors``, for example ``descriptors[0]["limit.a__1"] == "1"``. Two limits that
    differ in nothing but ``max_value`` and ``name`` share their counters.
    """

    namespace: str
    max_value: int
    seconds: int
    conditions: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    name: str = ""
