"""Decides what clients are told of limits, where it is said in several places.

A policy comes before its Gateway, and a Gateway before the Kuadrant, which speaks for the whole installation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from kuadrant.api.response import Response


def response_in_effect(first: Response | None, then: Response) -> Response:
    """Return what ``first`` says, and what it leaves open as ``then`` has it; None leaves all of it open."""
    if first is None:
        return then
    said = {name: value for name in first.__struct_fields__ if (value := getattr(first, name)) is not None}
    return replace(then, **said)
