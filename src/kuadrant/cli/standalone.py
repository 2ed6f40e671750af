"""The import of what only standalone mode needs, which some installs leave out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_envoy(command: str) -> Iterator[None]:
    """Tell, around an import, that a package is not there: the image of the operator has no Envoy."""
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(
            f"{command}: the package {error.name} is not installed;"
            " the image of the operator leaves it out: pip install kuadrant"
        )
