"""Has every rule look at what was read and compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.findings import counter_findings
from kuadrant.findings.attachment_findings import attachment_findings
from kuadrant.findings.backend_findings import backend_findings
from kuadrant.findings.cost_findings import cost_findings
from kuadrant.findings.document_findings import placed_already
from kuadrant.findings.examined_documents import material, material_of_cluster
from kuadrant.findings.finding import Finding, placed
from kuadrant.findings.folder_findings import folder_findings, serves_nothing
from kuadrant.findings.identity_findings import identity_findings
from kuadrant.findings.limit_findings import limit_findings
from kuadrant.findings.mode_findings import mode_findings
from kuadrant.findings.never_reached_findings import never_reached_findings
from kuadrant.findings.policy_findings import policy_findings, route_dependent_findings
from kuadrant.findings.predicate_findings import predicate_findings
from kuadrant.findings.query_findings import query_findings
from kuadrant.findings.removed_header_findings import removed_header_findings
from kuadrant.findings.route_findings import route_findings
from kuadrant.findings.rules_by_code import RULES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from kuadrant.api.documents import Folder
    from kuadrant.api.objects import Objects
    from kuadrant.api.rate_limit_policy import RateLimitPolicy
    from kuadrant.compiler import Compilation, PolicyFacts
    from kuadrant.findings.examined_documents import Material
    from kuadrant.policy.model import Problem


def findings(
    folder: Folder, compilation: Compilation, more: Iterable[Problem] = (), *, name: str = "."
) -> tuple[Finding, ...]:
    """Return all that is to be said of documents, in the order of files and lines.

    Args:
        folder: The documents, with what is wrong with them.
        compilation: What was compiled from their objects.
        more: What else is known of their objects.
        name: What people call the documents as a whole.
    """
    of = material(folder, compilation)
    found = {
        *document_findings(folder),
        *(placed(one, folder.sources, RULES) for one in (*_problems(of), *more)),
    }
    if serves_nothing(of):
        gateways = [source for (kind, _, _), source in folder.sources.items() if kind == "Gateway"]
        file, line = min(((source.file, source.line) for source in gateways), default=(name, 1))
        found.add(_nothing(file, line))
    return tuple(sorted(found))


def suspicious(policy: RateLimitPolicy, facts: PolicyFacts) -> tuple[Problem, ...]:
    """Return what is hardly meant in an accepted policy, as far as it tells by itself.

    What its ``facts`` say is not among it, nor what the routes to it tell (:func:`suspicious_by_routes`).
    """
    of_model = (
        *counter_findings.counter_findings(facts.policy),
        *removed_header_findings(facts.policy),
        *query_findings(facts.policy),
        *mode_findings(facts.policy),
        *cost_findings(facts.policy),
    )
    return (*limit_findings(policy), *of_model)


def unauthenticated(
    folder: Folder, compilation: Compilation, gateways: Collection[str]
) -> tuple[Problem, ...]:
    """Return which policies ask who requests are from, at ``gateways`` that authenticate nobody there."""
    return tuple(identity_findings(material(folder, compilation), gateways)) if gateways else ()


def suspicious_by_routes(objects: Objects, compilation: Compilation) -> dict[str, tuple[Problem, ...]]:
    """Return what is hardly meant in each policy, by ``namespace/name``, as the routes to it tell.

    It looks at all objects, so its time grows with them.
    """
    of = material_of_cluster(objects, compilation)
    found: dict[str, set[Problem]] = {}
    for one in (*route_dependent_findings(of), *identity_findings(of), *_of_conditions(of)):
        found.setdefault(f"{one.namespace}/{one.name}", set()).add(one)
    return {policy: tuple(sorted(problems)) for policy, problems in found.items()}


def document_findings(folder: Folder) -> tuple[Finding, ...]:
    """Return what is to be said of documents before anything is made of their objects."""
    return tuple(sorted({*placed_already((*folder.problems, *folder.notes), RULES)}))


def _problems(of: Material) -> Iterator[Problem]:
    yield from policy_findings(of)
    for policy in of.objects.rate_limit_policies:
        yield from limit_findings(policy)
    for fact in of.compilation.policies:
        if fact.acceptance.reason != "Invalid":  # what cannot be carried out cannot be looked into
            yield from counter_findings.counter_findings(fact.policy)
            yield from removed_header_findings(fact.policy)
            yield from query_findings(fact.policy)
            yield from mode_findings(fact.policy)
            yield from cost_findings(fact.policy)
    yield from _of_conditions(of)
    yield from attachment_findings(of)
    yield from route_findings(of)
    yield from backend_findings(of)
    yield from folder_findings(of)


def _of_conditions(of: Material) -> Iterator[Problem]:
    """Yield what the paths to limits tell of their counters, conditions and rates."""
    yield from counter_findings.shared_findings(of)
    yield from predicate_findings(of)
    yield from never_reached_findings(of)


def _nothing(file: str, line: int) -> Finding:
    rule = RULES["nothing-to-serve"]
    message = "there is no Gateway with a listener of the protocol HTTP or HTTPS, so nothing is served"
    return Finding(file, line, 1, "", "", message, rule.code, rule.severity, rule.do)
