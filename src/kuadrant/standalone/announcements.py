"""Tells people what became of a change of the folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kuadrant import log
from kuadrant.status import Evidence, PolicyStatus, policy_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.api.problem import Problem
    from kuadrant.standalone.plan import Plan

logger = log.get("kuadrant")

NOT_APPLIED: Final = "the change is not applied, the last good state stays"


class Announcements:
    """Logs what is new about policies; what was said before is not said again."""

    def __init__(self) -> None:
        self._noted: tuple[Problem, ...] = ()
        self._said: dict[str, PolicyStatus] = {}

    def accepted(self, live: Plan, *, connected: bool) -> None:
        """Say what it means for each policy that all of ``live`` has been acknowledged.

        Args:
            live: what runs now.
            connected: whether an Envoy is there. Without one it is on its way back, and has acknowledged
            nothing.
        """
        for note in live.notes:
            if note not in self._noted:
                log_problem(logger.warning, note)
        self._noted = live.notes
        gateways = {gateway for gateway, _ in live.addresses} if connected else set()
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


def print_mistakes(problems: Iterable[Problem]) -> None:
    """Tell on stderr why nothing was started."""
    problems = tuple(problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"kuadrant: {len(problems)} mistakes; nothing was started", file=sys.stderr)


def log_mistakes(problems: Iterable[Problem]) -> None:
    """Log why a change is not applied."""
    problems = tuple(problems)
    for problem in problems:
        log_problem(logger.error, problem)
    logger.error(NOT_APPLIED, mistakes=len(problems))


def log_problem(write: Callable[..., None], problem: Problem) -> None:
    """Log one problem with its place."""
    write(
        problem.message,
        file=problem.file,
        line=problem.line,
        column=problem.column,
        object=problem.subject,
        field=problem.field,
    )
