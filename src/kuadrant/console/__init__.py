"""The console: a page that shows what limits requests, and what becomes of them.

It shows the records of other rooms and adds no rule of its own: ``Shown`` is what it knows, pure functions
make pages of that, and a small server gives them to a browser.
"""

from kuadrant.console.board import Board
from kuadrant.console.server import ConsoleServer
from kuadrant.console.shown import MOST_TOLD, Edit, Refused, Shown
from kuadrant.console.sources import SourceError, Sources

__all__ = [
    "MOST_TOLD",
    "Board",
    "ConsoleServer",
    "Edit",
    "Refused",
    "Shown",
    "SourceError",
    "Sources",
]
