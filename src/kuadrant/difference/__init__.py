"""Finds what two configurations do otherwise: limits, routing, and the smallest requests that show it.

From the rules of both (``sides``, ``pairs``) to what differs (``changes``); from the matches and conditions
of both (``match_drafts``, ``condition_values``) to requests, to what both answer (``runs``, by ``decide``),
to the smallest that are answered otherwise (``search``, ``smallest``).
"""

from kuadrant.difference.differences import differences
from kuadrant.difference.record import Differences
from kuadrant.difference.text import text

__all__ = ["Differences", "differences", "text"]
