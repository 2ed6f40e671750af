"""The console: a page that shows what limits requests, and what becomes of them.

It shows the records of other rooms and adds no rule of its own: ``ConsoleState`` is what it knows, pure
functions make pages of that, and a small server gives them to a browser.
"""

from kuadrant.console.console_state import MOST_TOLD, ConsoleState, Edit, RefusedChange
from kuadrant.console.server import ConsoleServer
from kuadrant.console.sources import SourceError, Sources
from kuadrant.console.state_store import StateStore

__all__ = [
    "MOST_TOLD",
    "ConsoleServer",
    "ConsoleState",
    "Edit",
    "RefusedChange",
    "SourceError",
    "Sources",
    "StateStore",
]
