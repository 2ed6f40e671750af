"""From the objects of a cluster or a folder to what each gateway must do.

:func:`compile_gateways` does it once, :class:`Compiler` again and again, at the cost of what has changed.
"""

from kuadrant.compiler.compiler import Compilation, Compiler, compile_gateways
from kuadrant.compiler.identity_table import KnownTargets, identities
from kuadrant.compiler.policy_facts import PolicyFacts
from kuadrant.compiler.revision_keys import LimitRevisions
from kuadrant.compiler.rule_origin import RuleOrigin, RulesOf

__all__ = [
    "Compilation",
    "Compiler",
    "KnownTargets",
    "LimitRevisions",
    "PolicyFacts",
    "RuleOrigin",
    "RulesOf",
    "compile_gateways",
    "identities",
]
