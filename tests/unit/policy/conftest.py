"""Objects from YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from kuadrant.api.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable


def _read(text: str) -> Any:
    """The one object that the YAML text describes."""
    document = yaml.safe_load(text)
    struct = KINDS[document.pop("apiVersion"), document.pop("kind")]
    return msgspec.convert(document, struct)


@pytest.fixture
def read() -> Callable[[str], Any]:
    return _read
