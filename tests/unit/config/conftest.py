"""The objects of an installation, as kubectl would apply them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Path(__file__).parents[3] / "config"


def _built(folder: Path) -> Iterator[dict[str, Any]]:
    """What the kustomization of ``folder`` names; ours patch nothing."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(kustomization) == {"apiVersion", "kind", "resources"}
    for name in kustomization["resources"]:
        path = folder / name
        yield from _built(path.resolve()) if path.is_dir() else yaml.safe_load_all(path.read_text())


class Installation:
    """All objects of ``config/default``."""

    def __init__(self) -> None:
        self.objects = list(_built(CONFIG / "default"))

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
