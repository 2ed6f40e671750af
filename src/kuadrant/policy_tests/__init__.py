"""Tests of policies: what a ``*.kuadrant-test.yaml`` says, carried out by ``decide`` with simulated time.

From a file's text (``reading``) to steps in time (``schedule``), to what is observed of each request
(``simulated_gateway``), to what was missed (``judgement``), to what is printed (``reports``). A real gateway
takes the place of the simulated one in ``kuadrant.gateway_client``.
"""

from kuadrant.policy_tests.coverage import coverage
from kuadrant.policy_tests.file_format import PolicyTestFile
from kuadrant.policy_tests.loaded_policies import LoadedPolicies
from kuadrant.policy_tests.reading import read
from kuadrant.policy_tests.results import CaseResult, FileResult, Results
from kuadrant.policy_tests.simulation import simulate, simulate_file

__all__ = [
    "CaseResult",
    "FileResult",
    "LoadedPolicies",
    "PolicyTestFile",
    "Results",
    "coverage",
    "read",
    "simulate",
    "simulate_file",
]
