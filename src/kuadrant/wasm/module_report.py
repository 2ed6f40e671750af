"""Reports on modules, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.wasm.module_contents import inspect
from kuadrant.wasm.wasm_binary import NotAModule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kuadrant.wasm.module import Module


def listing(modules: Sequence[Module]) -> list[dict[str, Any]]:
    """Return one entry for each module; the first is the one that gateways are told to load."""
    return [
        {
            "name": module.name,
            "version": module.version,
            "sha256": module.sha256,
            "size": len(module.data),
            "dialects": list(module.dialects),
            "source": module.source,
            "current": position == 0,
        }
        for position, module in enumerate(modules)
    ]


def inspection(module: Module) -> dict[str, Any]:
    """Return what a module's bytes say about it.

    Raises:
        NotAModule: they are no wasm module.
    """
    contents = inspect(module.data)
    return {
        "name": module.name,
        "sha256": module.sha256,
        "size": len(module.data),
        "abi": list(contents.abi_versions),
        "sections": {section.name: section.size for section in contents.sections},
        "imports": [str(wanted) for wanted in contents.imports],
        "exports": [f"{export.kind} {export.name}" for export in contents.exports],
        "problems": list(contents.problems),
    }


def verification(module: Module, known: Sequence[Module]) -> dict[str, Any]:
    """Return whether a gateway can load a module, why it cannot, and the one of ``known`` that it is."""
    try:
        problems = list(inspect(module.data).problems)
    except NotAModule as error:
        problems = [str(error)]
    same = next((f"{one.name} {one.version}" for one in known if one.sha256 == module.sha256), None)
    return {
        "name": module.name,
        "sha256": module.sha256,
        "size": len(module.data),
        "loadable": not problems,
        "embedded": same,
        "problems": problems,
    }


def listing_text(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the list as a table."""
    names = [f"{entry['name']} {entry['version']}" for entry in entries]
    width = max(map(len, names), default=0)
    return "\n".join(
        f"{name:{width}}  {entry['sha256']}  {entry['size']:>9,} bytes  {', '.join(entry['dialects'])}"
        f"{'  current' if entry['current'] else ''}"
        for name, entry in zip(names, entries, strict=True)
    )


def fetches_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return who has fetched what as a table."""
    if not lines:
        return "Nobody has fetched a module since the replicas started."
    rows = [("POD", "CLIENT", "MODULE", "SHA256", "STATUS", "COUNT", "LAST")]
    rows += [
        (
            line["pod"],
            line["client"],
            line["version"] or "-",
            line["sha256"][:12] or "-",
            str(line["status"]),
            str(line["count"]),
            f"{_age(line['seconds'])} ago",
        )
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _age(seconds: float) -> str:
    """Return a time as kubectl writes it: in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"


def inspection_text(report: Mapping[str, Any]) -> str:
    """Return an inspection as lines for a person."""
    lines = [
        f"{report['name']}",
        f"  sha256   {report['sha256']}",
        f"  size     {report['size']:,} bytes",
        f"  ABI      {', '.join(report['abi']) or 'none'}",
        "  sections " + ", ".join(f"{name} {size:,}" for name, size in report["sections"].items()),
        *_block("imports", report["imports"]),
        *_block("exports", report["exports"]),
        *_block("problems", report["problems"]),
    ]
    return "\n".join(lines)


def verification_text(report: Mapping[str, Any]) -> str:
    """Return a verification as lines for a person."""
    lines = [f"{report['sha256']}  {report['name']}"]
    if report["loadable"]:
        lines.append(
            "Envoy can load it: it is a wasm module that imports only what a proxy-wasm host offers."
        )
    else:
        lines += [f"Envoy cannot load it: {problem}." for problem in report["problems"]]
    if report["embedded"]:
        lines.append(f"It is the embedded module {report['embedded']}.")
    else:
        lines.append("It is none of the embedded modules.")
    if report.get("signedBy"):
        lines.append(f"It is signed by {report['signedBy']}, which is trusted.")
    elif "distrust" in report:
        lines.append(f"It would not be served: {report['distrust']}.")
    return "\n".join(lines)


def _block(title: str, items: Sequence[str]) -> list[str]:
    return [f"  {title}", *(f"    {item}" for item in items)] if items else []
