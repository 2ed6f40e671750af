"""Write docs/findings.md from the table of rules, or with --check compare it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kuadrant.findings import SECTIONS, Rule
from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE: Final = Path(__file__).parents[1] / "docs" / "findings.md"
WIDTH: Final = 110
_HEAD: Final = """\
# Findings

<!-- Made from src/kuadrant/findings by `make generate`. -->

What `kuadrant check` tells of documents, by code. `kuadrant run` tells the same at its start, and what is new
after an edit. Only a run says that it does not check certificates of clients, or tokens of Envoy Gateway.

In a cluster the operator tells those that are about policies: in the condition `kuadrant.io/Warnings` of a
policy that is accepted (the five gravest, and how many more), by an Event for each that is new (`Warned`, for
notes `Noted`), and in the metric `kuadrant_policy_findings{code, severity}`, which counts them over all
policies. Why a policy is not accepted is in its condition `Accepted`. What depends on routes is found a
moment after an edit, in a large cluster some seconds after. Of routes and Gateways, their own controllers
tell.

* A **mistake** cannot be carried out as it is written. `kuadrant check` ends with exit code 1. `kuadrant run`
  does not take documents with mistakes; of those about routes and certificates, it serves what is right.
* A **warning** is carried out, but hardly what was meant. It counts as a mistake with `--strict`.
* A **note** is worth knowing.

All documents that are checked together are taken for the whole world: what is not among them does not exist.
Objects with mistakes of their own exist.
"""
_WORDS: Final = {"error": "Mistake", "warning": "Warning", "note": "Note"}
PAGE_NAME: Final = re.compile(r"docs/([a-z-]+\.md)")


def page() -> str:
    """The text of the page."""
    parts = [_HEAD]
    for title, rules in SECTIONS.items():
        codes = ", ".join(f"[{rule.code}](#{rule.code})" for rule in rules)
        parts += [f"## {title}\n", f"{wrapped(codes)}\n", *map(_rule, rules)]
    return PAGE_NAME.sub(r"[\1](\1)", "\n".join(parts))


def _rule(rule: Rule) -> str:
    lines = (f"{_WORDS[rule.severity]}. {rule.title} {rule.means}", f"What to do: {rule.do}")
    return "\n\n".join((f"### {rule.code}", *map(wrapped, lines))) + "\n"


def wrapped(text: str) -> str:
    """The text in lines; what stands in backticks, or is a link, stays in one."""
    return "\n".join(_lines(re.findall(r"(?:`[^`]*`|\[[^\]]*\]\([^)]*\)|\S)+", text)))


def _lines(words: Iterable[str]) -> Iterator[str]:
    line: list[str] = []
    for word in words:
        if line and sum(_width(one) + 1 for one in line) + _width(word) > WIDTH:
            yield " ".join(line)
            line = []
        line.append(word)
    yield " ".join(line)


def _width(word: str) -> int:
    # A page's name will be a link.
    return len(PAGE_NAME.sub(r"[\1](\1)", word))


if __name__ == "__main__":
    write_or_check(PAGE, page(), "src/kuadrant/findings")
