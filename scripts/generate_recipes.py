"""Write docs/recipes.md from the folders of examples/recipes, or with --check compare it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Final

from scripts.generated_page import write_or_check

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "examples" / "recipes"
PAGE: Final = ROOT / "docs" / "recipes.md"
ORDER: Final = (
    "per-user",
    "per-address",
    "login-protection",
    "tiers",
    "burst-and-daily-quota",
    "exempt-health-check",
    "wildcard-tenants",
    "grpc",
    "gateway-default",
    "shadow-roll-out",
    "soft-limit-and-bucket",
    "air-gap",
    "test-in-ci",
)
"""What is asked for most comes first."""
_HEAD: Final = """\
# Recipes

<!-- Made from examples/recipes by `make generate`. -->

Each is a folder with everything that it takes, a Gateway and routes included, and with tests that say what
it promises. Try one as it is, then edit it while it runs:

    kuadrant run examples/recipes/per-user --echo
    kuadrant test examples/recipes/per-user

Every recipe passes its tests, `kuadrant check --strict`, and a real Envoy.
"""
_FROM_FOLDER: Final = "../../../docs/"


def page() -> str:
    """The text of the page."""
    recipes = [_recipe(FOLDER / name) for name in ORDER]
    titles = "\n".join(f"* [{title}](#{_anchor(title)})" for title, _ in recipes)
    return "\n".join((_HEAD, titles, "", *(text for _, text in recipes)))


def _recipe(folder: Path) -> tuple[str, str]:
    heading, _, prose = (folder / "README.md").read_text().partition("\n")
    title = heading.removeprefix("# ")
    policy = textwrap.indent((folder / "policy.yaml").read_text(), "    ", lambda line: bool(line.strip()))
    where = f"In `{folder.relative_to(ROOT)}`; its policies:"
    return title, f"## {title}\n{prose.replace(_FROM_FOLDER, '')}\n{where}\n\n{policy}"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    write_or_check(PAGE, page(), "examples/recipes")
