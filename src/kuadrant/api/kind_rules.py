"""The rules of Kuadrant's and Gateway API's kinds that a schema of single fields cannot say, in one table.

Each rule looks at one struct and yields what is wrong as (path of the field below it, message).
"""

from typing import Final

from kuadrant.api import (
    gateway_rules,
    rate_limit_policy_rules,
    route_filter_rules,
    route_match_rules,
    route_rules,
)
from kuadrant.api.node_reading import Rules

RULES: Final[Rules] = {
    **rate_limit_policy_rules.RULES,
    **route_match_rules.RULES,
    **route_filter_rules.RULES,
    **route_rules.RULES,
    **gateway_rules.RULES,
}
"""The rule of each struct that has one."""
