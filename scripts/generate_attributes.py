"""Write docs/attributes.md from the table of attributes, or with --check compare it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kuadrant.policy.attributes import REQUEST_BYTES, TABLE, Attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "docs" / "attributes.md"
_HEAD = """\
# Attributes

<!-- Made from src/kuadrant/policy/attributes.py by `make generate`. -->

What policies can name of a request: selectors of v1beta2 (`request.headers.x-user`), expressions of v1. A
gateway looks at them while it has the headers and nothing else. What is not here does not exist: a selector
has no value then, and an expression is refused.

| column | what it says |
|---|---|
| bytes | how long it can be as a text; "request" is all of a request's headers, 64 KiB at most |
| known | which requests have a value |
| where | `run` is `kuadrant run`, which serves HTTP only |
| in policies | of which version, and in what |
| Kuadrant's modules | since which version of the official wasm-shim it is read: in selectors, in CEL |
| told | in what official modules are told it: selectors from v0.4 on, expressions from v0.9 on |

| attribute | type | bytes | known | where | in policies | Kuadrant's modules | told | |
|---|---|---|---|---|---|---|---|---|"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *map(_row, TABLE), ""])


def _row(one: Attribute) -> str:
    cells = (
        f"`{one.name}`",
        one.type,
        "request" if one.size == REQUEST_BYTES else str(one.size),
        one.known,
        ", ".join(mode for mode in ("run", "Istio", "Envoy Gateway") if mode in one.modes) or "nowhere",
        ", ".join(_policies(one)) or "none",
        ", ".join(
            since for since in map("{} {}".format, ("selectors", "CEL"), one.kuadrant) if since[-1] != " "
        ),
        ", ".join(sorted(one.told, reverse=True)) or "no",
        one.note,
    )
    return f"| {' | '.join(cells)} |"


def _policies(one: Attribute) -> Iterator[str]:
    if one.selectors:
        yield "v1beta2"
    if one.expressions:
        yield "v1"


def main() -> None:
    text = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text() != text:
            sys.exit(f"{PAGE.name}: not what the table says; run `make generate`")
        return
    PAGE.write_text(text)
    print(PAGE.name)


if __name__ == "__main__":
    main()
