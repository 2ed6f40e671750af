"""Write the CustomResourceDefinitions into config/crd/bases, or with --check compare them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from kuadrant.api.crd import GROUP, custom_resource_definitions

BASES = Path(__file__).parents[1] / "config" / "crd" / "bases"


class _Dumper(yaml.SafeDumper):
    """No anchors: kubectl takes them, but people should not have to."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def files() -> dict[Path, str]:
    """Return the text of each file by its path."""
    return {
        BASES / f"{GROUP}_{name.removesuffix(f'.{GROUP}')}.yaml": "# Made by `make generate`.\n"
        + yaml.dump(definition, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
        for name, definition in custom_resource_definitions().items()
    }


def main() -> None:
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(
                f"{', '.join(path.name for path in stale)}: not what the structs say; run `make generate`"
            )
        return
    for path, text in files().items():
        path.write_text(text)
        print(path.name)


if __name__ == "__main__":
    main()
