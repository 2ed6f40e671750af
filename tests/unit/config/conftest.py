"""The objects of an installation, as kubectl would apply them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scripts.installation import CONFIG, built

if TYPE_CHECKING:
    from pathlib import Path


class Installation:
    """All objects of ``config/default``."""

    def __init__(self) -> None:
        self.objects = [document for _, document in built(CONFIG / "default")]

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """The object of that kind and name."""
        (found,) = [
            document
            for document in self.objects
            if (document["kind"], document["metadata"]["name"]) == (kind, name)
        ]
        return found

    def all(self, kind: str) -> list[dict[str, Any]]:
        """The objects of that kind."""
        return [document for document in self.objects if document["kind"] == kind]


@pytest.fixture(scope="session")
def installation() -> Installation:
    return Installation()


@pytest.fixture(scope="session")
def config() -> Path:
    return CONFIG
