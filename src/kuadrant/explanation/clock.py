"""What is told of a decision by who knows the clock of the rate limit service, and by who does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

if TYPE_CHECKING:
    from kuadrant.explanation.record import Client
    from kuadrant.reference_model import RequestDecision
    from kuadrant.reference_model.counters import CounterKey, Standing
    from kuadrant.reference_model.request_decision import Question


def without_clock(decision: RequestDecision) -> RequestDecision:
    """Return ``decision`` as it is for who knows the clock: nothing of it is in doubt."""
    questions = tuple(
        structs.replace(
            question,
            bounds=None,
            watched=tuple(structs.replace(one, is_known=True) for one in question.watched),
        )
        for question in decision.questions
    )
    return structs.replace(decision, questions=questions, doubt=None)


def standing_bounds(question: Question) -> dict[CounterKey, tuple[Standing, ...]]:
    """Return where each counter stands if hits count as shortly and as long as they can."""
    found: dict[CounterKey, tuple[Standing, ...]] = {}
    for answer in question.bounds or ():
        for one in (*answer.standings, *(watched.standing for watched in answer.watched)):
            found[one.counter] = (*found.get(one.counter, ()), one)
    return found


def with_known(client: Client, decision: RequestDecision) -> Client:
    """Return what ``client`` gets of which the value is known, and the names of the rest."""
    doubt = decision.doubt
    if doubt is None or doubt.verdict:
        return client
    headers = tuple(one for one in client.headers if one[0] not in doubt.headers)
    if_on = tuple(one for one in client.rate_limit_headers if one[0] not in doubt.headers)
    names = [one for one, _ in (*client.headers, *client.rate_limit_headers) if one in doubt.headers]
    body = None if doubt.body else client.body
    unknown = (
        *dict.fromkeys(names),
        *(["body"] if client.body is not None and doubt.body else []),
        *(["signals"] if client.status is None and doubt.signals else []),
    )
    return structs.replace(
        client,
        headers=headers,
        rate_limit_headers=if_on,
        body=body,
        not_known=unknown,
        signals=() if doubt.signals else client.signals,
    )
