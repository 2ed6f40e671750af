"""The key by which the user of `kuadrant run`, and nobody else, may ask its gateways what they decide.

It is made at each start, in the folder of the socket by which counters are asked for, and goes at the end.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.explain_key import make_key, public_text
from kuadrant.standalone.counter_socket import AwayError, require_own, socket_path

if TYPE_CHECKING:
    from pathlib import Path

logger = log.get("kuadrant")


def own_key(port: int) -> tuple[Path, str] | None:
    """Make the key of the run with this first port; return its file, and what gateways are told of it.

    None, which is said, where no file of one's own can be made.
    """
    path = _path(port)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_own(path.parent)
        path.unlink(missing_ok=True)
        return path, public_text(make_key(path))
    except (OSError, AwayError) as error:
        logger.warning("kuadrant explain --live needs --key here", file=str(path), problem=str(error))
        return None


def key_of_run(port: int) -> Path | None:
    """Return the file of the key by which the run of this user is asked that listens at ``port``.

    Its listeners after the first have the ports after its first one.
    """
    folder = _path(port).parent
    try:
        require_own(folder)
        found = [int(match[1]) for file in folder.iterdir() if (match := _NAME.fullmatch(file.name))]
    except (OSError, AwayError):
        return None
    first = max((one for one in found if one <= port), default=None)
    return None if first is None else _path(first)


_NAME = re.compile(r"run-(\d{1,5})\.key")


def _path(port: int) -> Path:
    return socket_path(port).with_suffix(".key")
