"""The errors that keep `kuadrant run` from starting."""

from __future__ import annotations


class StartError(Exception):
    """Something that is needed cannot be had; the text says what, and what to do."""
