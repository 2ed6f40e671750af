"""A path as a gateway makes it plain before any filter sees it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_ESCAPED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_TO_ESCAPE: Final = re.compile(r'["<>^`{|}]')
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def plain_target(target: str) -> str | None:
    """Return ``target`` with the path that filters and router see; None if it is redirected to another.

    Steps of dots are taken, slashes that follow each other are one, and what needs an escape has one.
    """
    path, mark, query = target.partition("?")
    path, fragment_mark, _ = path.partition("#")
    if re.search(r"%(2f|5c)", path, re.IGNORECASE):
        return None
    path = _ESCAPED.sub(_unescaped, path).replace("\\", "/")
    path = _TO_ESCAPE.sub(lambda found: quote(found[0]), path)
    steps: list[str] = []
    for step in path.split("/")[1:]:
        if step == "..":
            del steps[-1:]
        elif step != ".":
            steps.append(step)
    if path.rpartition("/")[2] in (".", ".."):
        steps.append("")
    plain = re.sub("/+", "/", "/" + "/".join(steps))
    return plain if fragment_mark else f"{plain}{mark}{query}"


def _unescaped(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number in _UNRESERVED else found[0]
