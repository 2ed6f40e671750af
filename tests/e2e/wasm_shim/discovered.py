"""A filter whose configuration Envoy reads from a file, and reads again when a test writes another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .conftest import wasm

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Json


class Discovered:
    """A filter whose configuration Envoy reads from a file."""

    def __init__(self, folder: Path, document: Json) -> None:
        self._folder = folder
        self._version = 0
        self.write(document)

    def write(self, document: Json) -> None:
        """Puts another configuration in place."""
        self._version += 1
        resource = {
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "shim",
            "typed_config": self.typed_config(document),
        }
        new = self._folder / "new.json"
        new.write_text(json.dumps({"version_info": str(self._version), "resources": [resource]}))
        new.rename(self._folder / "shim.json")

    def typed_config(self, document: Json) -> Json:
        """The filter with this configuration."""
        return wasm(document)

    @property
    def filter(self) -> Json:
        source = {"path": str(self._folder / "shim.json"), "watched_directory": {"path": str(self._folder)}}
        return {
            "name": "shim",
            "config_discovery": {
                "config_source": {"path_config_source": source, "resource_api_version": "V3"},
                "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
            },
        }
