"""Time zones in expressions: the module knows offsets and no names of places."""

from __future__ import annotations

import re
from typing import Any, Final

from kuadrant.expressions.not_evaluable import OutsideError

_OFFSET: Final = re.compile(r"UTC|[+-]?([01][0-9]|2[0-3]):[0-5][0-9]")


def check_zone(function: str, arguments: list[Any]) -> None:
    """Check the time zone of a function such as ``getHours``.

    Raises:
        OutsideError: It is the name of a place, or not written there.
    """
    if function.startswith("get") and len(arguments) > 1:
        zone = arguments[1].constant
        if not zone.HasField("text") or not _OFFSET.fullmatch(zone.text):
            raise OutsideError("a time zone that is no offset such as +01:00")
