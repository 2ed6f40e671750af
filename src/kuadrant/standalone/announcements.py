"""Tells people what became of a change of the folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import to_builtins

from kuadrant import log
from kuadrant.findings import findings_text, first_findings, gravest_first, number
from kuadrant.status import Evidence, PolicyStatus, policy_status
from kuadrant.terminal import has_colours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kuadrant.api.problem import Problem
    from kuadrant.findings import Finding
    from kuadrant.standalone.plan import Plan
    from kuadrant.topology import RouteChanges

logger = log.get("kuadrant")

NOT_APPLIED: Final = "the change is not applied, the last good state stays"
_TOLD: Final = 20
"""More at once nobody reads, and nobody may be reading at all."""


class Announcements:
    """Says what is new about policies and documents; what was said before is not said again."""

    def __init__(self) -> None:
        self._found: frozenset[Finding] | None = None
        self._said: dict[str, PolicyStatus] = {}

    def accepted(self, live: Plan, *, connected: bool) -> Mapping[str, PolicyStatus]:
        """Say what it means for each policy that all of ``live`` has been acknowledged, and return it.

        Args:
            live: what runs now.
            connected: whether an Envoy is there. Without one it is on its way back, and has acknowledged
            nothing.
        """
        gateways = {gateway for gateway, _ in live.served} if connected else set()
        evidence = Evidence(acknowledged=frozenset(gateways))
        statuses = {fact.policy.key: policy_status(fact, evidence) for fact in live.compilation.policies}
        for key, status in statuses.items():
            if status != self._said.get(key):
                for condition in status.conditions:
                    logger.info(
                        "RateLimitPolicy",
                        policy=key,
                        **{condition.type: condition.status},
                        reason=condition.reason,
                        message=condition.message,
                    )
        self._said = statuses
        logger.info("the configuration is live", policies=len(statuses), limits=len(live.target.limits))
        return statuses

    def changed(self, changes: Sequence[RouteChanges]) -> None:
        """Say which limits of which routes came, went, or are others since the last edit.

        Args:
            changes: What is different, by route.
        """
        for one in changes[:_TOLD]:
            logger.info("the limits of a route are others now", **to_builtins(one))
        if (more := len(changes) - _TOLD) > 0:
            logger.info("the limits of more routes are others now", routes=more)

    def found(self, findings: Sequence[Finding], folder: str) -> None:
        """Say what was found in the documents: at the start as text for people, later what is new in the log.

        Args:
            findings: All that was found.
            folder: What people call the folder.
        """
        before, self._found = self._found, frozenset(findings)
        if before is None:
            if findings:
                show("\n" + first_findings(findings, _TOLD, folder, colour=has_colours(sys.stdout)))
            return
        new = gravest_first(one for one in findings if one not in before)
        for one in new[:_TOLD]:
            log_problem(logger.info if one.severity == "note" else logger.warning, one)
        if (more := len(new) - _TOLD) > 0:
            logger.warning("more is suspicious: `kuadrant check` tells all", folder=folder, findings=more)


def show(text: str) -> None:
    """Tell on stdout what there is to try; that nobody can read it ends nothing."""
    try:
        print(text, flush=True)
    except OSError as error:  # a full disk, a reader that left
        logger.warning("what there is to try cannot be shown", problem=str(error))
        # What is left of it would be tried again at the end, and be an error of that.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    except UnicodeEncodeError as error:
        logger.warning("what there is to try cannot be shown", problem=str(error))


def print_mistakes(problems: Sequence[Finding]) -> None:
    """Tell on stderr why nothing was started."""
    print(findings_text(problems, colour=has_colours(sys.stderr)), file=sys.stderr)
    print(f"kuadrant: {number(len(problems), 'mistake')}; nothing was started", file=sys.stderr)


def log_mistakes(problems: Iterable[Problem | Finding]) -> None:
    """Log why a change is not applied."""
    problems = tuple(problems)
    for problem in problems:
        log_problem(logger.error, problem)
    logger.error(NOT_APPLIED, mistakes=len(problems))


def log_problem(write: Callable[..., None], problem: Problem | Finding) -> None:
    """Log one problem with its place."""
    write(
        problem.message,
        file=problem.file,
        line=problem.line,
        column=problem.column,
        object=problem.subject,
        field=problem.field,
        code=problem.code,
    )
