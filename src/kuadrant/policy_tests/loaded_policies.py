"""The policies that a file tests, and which of their gateways it asks."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from kuadrant.api.problem import Problem
from kuadrant.policy_tests.inventory import inventory
from kuadrant.policy_tests.simulated_gateway import SimulatedGateway

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.documents import Folder
    from kuadrant.compiler import Compilation, RulesOf
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.policy.failure_mode import FailureMode
    from kuadrant.policy_tests.file_format import PolicyTestFile


class LoadedPolicies:
    """Policies without mistakes, compiled once for all tests that are about them."""

    def __init__(
        self, folder: Folder, compilation: Compilation, rules_of: RulesOf, failure_mode: FailureMode
    ) -> None:
        self.inventory = inventory(folder, compilation, rules_of)
        self._compilation = compilation
        self._failure_mode = failure_mode
        self._gateways: dict[tuple[str, int], SimulatedGateway] = {}

    def gateway_of(self, file: PolicyTestFile) -> SimulatedGateway | Problem:
        """Return the port of a gateway that ``file`` asks, or why that is none."""
        programs = {_name(program): program for program in self._compilation.programs}
        if not programs:
            return _problem(file, "policies", "has no Gateway in it, so that nothing could be asked; add one")
        name = _chosen_gateway(file, programs)
        if isinstance(name, Problem):
            return name
        port = _chosen_port(file, name, [listener.port for listener in programs[name].listeners])
        if isinstance(port, Problem):
            return port
        if (name, port) not in self._gateways:
            limits = self._compilation.all_limits
            self._gateways[name, port] = SimulatedGateway(
                programs[name], port, limits, self.inventory, self._failure_mode
            )
        return self._gateways[name, port]


def _chosen_gateway(file: PolicyTestFile, programs: Iterable[str]) -> str | Problem:
    wanted, names = file.tests.gateway, sorted(programs)
    if wanted is None:
        if len(names) == 1:
            return names[0]
        return _problem(file, "gateway", f"is missing, and there are {_listed(names)}; say which is asked")
    fitting = [name for name in names if f"/{name}".endswith(f"/{wanted}")]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        return _problem(
            file, "gateway", f"is {wanted}, and there are {_listed(fitting)}; write the namespace, too"
        )
    close = difflib.get_close_matches(wanted, [*names, *(name.partition("/")[2] for name in names)], n=1)
    meant = f'did you mean "{close[0]}"?' if close else f"there are {_listed(names)}"
    return _problem(file, "gateway", f"is {wanted}, which there is not; {meant}")


def _chosen_port(file: PolicyTestFile, gateway: str, ports: list[int]) -> int | Problem:
    wanted, numbers = file.tests.port, [str(port) for port in sorted(ports)]
    if not ports:
        return _problem(file, "gateway", f"is {gateway}, which has no listener; add one")
    if wanted is None:
        if len(ports) == 1:
            return ports[0]
        message = f"is missing, and {gateway} listens at {_listed(numbers)}; say which is asked"
        return _problem(file, "port", message)
    if wanted not in ports:
        return _problem(file, "port", f"is {wanted}; {gateway} listens at {_listed(numbers)}")
    return wanted


def _name(program: GatewayProgram) -> str:
    return f"{program.namespace}/{program.name}"


_LISTED = 5


def _listed(names: list[str]) -> str:
    if len(names) > _LISTED:
        return f"{', '.join(names[:_LISTED])} and {len(names) - _LISTED} more"
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


def _problem(file: PolicyTestFile, field: str, message: str) -> Problem:
    return Problem(file.path, *file.place((field,)), "", field, message)
