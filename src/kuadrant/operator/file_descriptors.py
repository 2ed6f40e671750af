"""Gives the process enough file descriptors for its gateways.

A gateway that is pushed to takes three, and a shell or a runtime gives a process 1,024 unless it asks for
more.
"""

from __future__ import annotations

import resource
from typing import Final

_ENOUGH: Final = 65_536


def have_enough() -> int:
    """Raise this process's limit as far as it may, up to what is ever needed; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
