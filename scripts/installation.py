"""The objects of an installation, read from config/ as kustomize builds them, for what is made from them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config"
NAMESPACE = "kuadrant-system"
MADE = "# Made from config/ by `make generate`.\n"


def built(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each object of the kustomization of ``folder``, with the file that it is written in.

    Raises:
        ValueError: a kustomization does more than naming resources.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if set(kustomization) != {"apiVersion", "kind", "resources"}:
        raise ValueError(f"{folder}/kustomization.yaml does more than naming resources")
    for name in kustomization["resources"]:
        path = (folder / name).resolve()
        if path.is_dir():
            yield from built(path)
        else:
            yield from ((path, document) for document in yaml.load_all(path.read_text(), yaml.CSafeLoader))


class _Dumper(yaml.SafeDumper):
    """YAML as people would write it: no anchors, lists indented, texts of several lines as they are."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dumped(document: Any) -> str:
    """The document as YAML; same value, same text."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def write(folder: Path, wanted: dict[Path, str]) -> None:
    """Have these files and no others in ``folder``; with --check end with what differs instead."""
    there = {path for path in folder.rglob("*") if path.is_file()}
    stale = [path for path, text in wanted.items() if path not in there or path.read_text() != text]
    surplus = sorted(there - wanted.keys())
    if "--check" in sys.argv[1:]:
        if stale or surplus:
            names = ", ".join(str(path.relative_to(ROOT)) for path in (*stale, *surplus))
            sys.exit(f"{names}: not what config/ gives; run `make generate`")
        return
    for path in surplus:
        path.unlink()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
        print(path.relative_to(ROOT))
