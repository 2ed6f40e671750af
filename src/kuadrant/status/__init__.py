"""What is said of policies: :func:`policy_status` gives the conditions, :func:`as_text` writes them for a terminal."""

from kuadrant.status.policy import Evidence, PolicyStatus, policy_status
from kuadrant.status.text import as_text

__all__ = ["Evidence", "PolicyStatus", "as_text", "policy_status"]
