"""Says what is wrong with a request that cannot be asked for."""

from kuadrant.api.problem import printable


class RequestError(ValueError):
    """A request that cannot be asked for; the text says what is wrong with it and what to do."""


def quoted(text: str) -> str:
    """``text`` in quotes for a person: not too long, and without anything that a terminal acts upon."""
    shown = text if len(text) <= 80 else f"{text[:80]}..."
    return f'"{printable(shown)}"'
