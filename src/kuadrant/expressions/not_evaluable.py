"""Finds what the module cannot evaluate."""

from __future__ import annotations


class OutsideError(ValueError):
    """A part of an expression that the module cannot evaluate; the text says which."""
