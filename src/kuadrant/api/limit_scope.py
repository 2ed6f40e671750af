"""Says who counts a limit. What each scope promises is in docs/semantics.md."""

from typing import Final, Literal

Scope = Literal["Cluster", "Gateway"]

CLUSTER: Final = "Cluster"
"""The rate limit service counts, for all gateways together."""
GATEWAY: Final = "Gateway"
"""Each gateway process counts for itself, and asks nobody."""
