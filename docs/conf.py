"""How `make docs` makes a site of the documents: one that needs nothing from elsewhere, also from a folder.

Pages stay where they are, so that their links lead to the same places there and beside the source.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kuadrant import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Kuadrant"
release = version = __version__
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "wasm-shim/*.md"]
myst_heading_anchors = 6
nitpicky = True

html_theme = "furo"
html_title = f"Kuadrant {release}"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_last_updated_fmt = None
pygments_style = "friendly"
pygments_dark_style = "monokai"
highlight_language = "text"

SITE: Final = {
    "Start": ("docs/start", "docs/start-istio", "docs/start-envoy-gateway", "docs/recipes"),
    "Policies": (
        "docs/semantics",
        "docs/fields",
        "docs/expressions",
        "docs/attributes",
        "docs/identity",
        "docs/limits",
    ),
    "Ask it": (
        "docs/explain",
        "docs/policy-tests",
        "docs/findings",
        "docs/diff",
        "docs/topology",
        "docs/tap",
        "docs/console",
        "docs/python",
        "docs/commands",
    ),
    "Run it": (
        "docs/troubleshooting",
        "docs/doctor",
        "docs/uninstall",
        "docs/why",
        "docs/reasons",
        "docs/metrics",
        "docs/monitoring",
        "docs/runbooks",
        "docs/operating",
        "docs/ratelimit-service",
        "docs/modules",
        "docs/budgets",
        "docs/decision-records",
        "docs/settings",
        "docs/values",
        "docs/install-hardening",
        "docs/network",
        "docs/compatibility",
        "docs/release",
        "docs/releasing",
    ),
    "How it works": (
        "docs/architecture",
        "docs/incremental",
        "docs/glossary",
        "docs/comparison",
        "docs/benchmarks",
        "docs/failed-checks",
        "docs/threat-model",
        "docs/dependencies",
        "wasm-shim/CONFIGURATION",
        "docs/decisions/README",
        "docs/lab",
    ),
    "The project": ("CHANGELOG", "CONTRIBUTING", "CODE_OF_CONDUCT", "SECURITY"),
}
"""The pages by what readers are after. Those of docs/decisions are below their own page."""


def _with_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """Give pages that have others below them the list of these, which the source does not need."""
    if name == root_doc:
        source[0] += "".join(_contents(pages, title) for title, pages in SITE.items())
    if name == "docs/decisions/README":
        below = sorted(one for one in app.project.docnames if one.startswith("docs/decisions/"))
        source[0] += _contents([f"/{one}" for one in below if one != name])


def _contents(pages: Any, title: str = "") -> str:
    caption = f":caption: {title}\n" if title else ""
    return f"\n\n```{{toctree}}\n:hidden:\n{caption}\n" + "\n".join(pages) + "\n```\n"


def _with_index(app: Sphinx, error: Exception | None) -> None:
    """Give the folder the page that a server or a person looks for in it."""
    if error is None:
        shutil.copyfile(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Have the pages listed while they are read, and an index beside them."""
    app.connect("source-read", _with_contents)
    app.connect("build-finished", _with_index)
