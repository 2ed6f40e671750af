"""Says how a limit counts. What each way promises is in docs/semantics.md."""

from typing import Final, Literal

Algorithm = Literal["FixedWindow", "SlidingWindow", "TokenBucket"]

FIXED_WINDOW: Final = "FixedWindow"
"""At most the limit in a window that begins with the first hit; twice as many in other intervals as long."""
SLIDING_WINDOW: Final = "SlidingWindow"
"""At most the limit in any interval as long as the window."""
TOKEN_BUCKET: Final = "TokenBucket"  # noqa: S105 - no password
"""At most the burst at once, and after that the limit for each window, evenly."""

SLICES: Final = 10
"""A sliding window is counted in so many slices, and the one that has begun."""
LONGEST_SECONDS: Final = 100 * 366 * 86_400
"""Of a window that is counted in microseconds: in doubles, as a store has them, that is still exact."""
MOST_PER_WINDOW: Final = 2**50
"""Of tokens, for the same reason."""
