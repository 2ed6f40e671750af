"""Reads Kubernetes' quantities, such as ``500m`` and ``1Gi``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_QUANTITY: Final = re.compile(
    r"([+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18}))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?",
    re.ASCII,
)
_UNITS: Final = {
    **{unit: Decimal(1).scaleb(exponent) for unit, exponent in zip("num", (-9, -6, -3), strict=True)},
    **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate("kMGTPE")},
    **{f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTPE")},
}


def quantity(text: object) -> Decimal | None:
    """Return the number that a quantity stands for, the same for ``1`` and ``1000m``; None if it is none."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        return None
    number, unit, exponent = Decimal(found[1]), found[2], found[3]
    if exponent:
        return number.scaleb(int(exponent))
    return number * _UNITS[unit] if unit else number
