"""The headers of requests that somebody who follows decisions may be shown: no secrets, and few at a time."""

from __future__ import annotations

import re
from typing import Final

MOST_HEADERS: Final = 8
"""Headers that are reported at a time, whoever wants to see them."""
NEVER_SHOWN: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that are secrets and nothing else: gateways are not told to report them."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]{1,64}")


def may_be_shown(name: str) -> bool:
    """Return whether this is the name of a header, in lower case, that gateways may be told to report."""
    return _NAME.fullmatch(name) is not None and name not in NEVER_SHOWN
