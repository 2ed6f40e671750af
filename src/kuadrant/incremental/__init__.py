"""Results that stay the same instances for as long as what they are made from does (docs/incremental.md).

Who holds the former result of a pure function and is given the same instance again knows without a comparison
that nothing changed. Everything here is for keeping that promise.
"""

from kuadrant.incremental.in_order import InOrder
from kuadrant.incremental.last_call import Last
from kuadrant.incremental.of_each import OfEach
from kuadrant.incremental.recent_calls import recent
from kuadrant.incremental.same_instances import are, kept, same_items
from kuadrant.incremental.tracked import Tracked

__all__ = ["InOrder", "Last", "OfEach", "Tracked", "are", "kept", "recent", "same_items"]
