"""Which questions for the store go together: tenants take turns, and nobody waits for too much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kuadrant.ratelimit.store_questions import MOST_COUNTERS, MOST_QUESTIONS, Question, WaitingQuestions


def question(tenant: str, counters: int = 1, until: float = 1.0, number: int = 0) -> Question:
    return Question(tenant, [b"key"] * counters, (), until, number)


def waiting(*questions: Question) -> WaitingQuestions:
    found = WaitingQuestions()
    for one in questions:
        found.add(one)
    return found


def test_those_that_wait_go_together() -> None:
    questions = [question("a", number=number) for number in range(MOST_QUESTIONS)]
    of_a = waiting(*questions)
    assert of_a.take() == questions
    assert not of_a


def test_who_asks_much_does_not_hold_up_who_asks_little() -> None:
    both = waiting(*[question("hostile")] * 1000, question("victim"))
    assert [one.tenant for one in both.take()][:3] == ["hostile", "victim", "hostile"]


def test_who_came_last_in_one_batch_comes_last_in_the_next() -> None:
    tenants = waiting(*[question(f"t{number}") for number in range(MOST_QUESTIONS + 1)], question("t0"))
    assert [one.tenant for one in tenants.take()][-1] == f"t{MOST_QUESTIONS - 1}"
    assert [one.tenant for one in tenants.take()] == [f"t{MOST_QUESTIONS}", "t0"]


def test_a_question_of_many_counters_is_asked_alone() -> None:
    large = waiting(question("a"), question("b", MOST_COUNTERS), question("c", 2 * MOST_COUNTERS))
    assert [[one.tenant for one in large.take()] for _ in range(3)] == [["a"], ["b"], ["c"]]


def test_those_that_may_wait_no_longer_are_known() -> None:
    some = waiting(question("a", until=1.0), question("a", until=2.0), question("b", until=1.5))
    assert some.earliest == 1.0
    assert [(one.tenant, one.until) for one in some.take_overdue(1.5)] == [("a", 1.0), ("b", 1.5)]
    assert some.earliest == 2.0
    assert [one.until for one in some.take_all()] == [2.0]
    assert not some


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 2 * MOST_COUNTERS), st.booleans()), max_size=200
    )
)
def test_each_is_asked_once_and_in_the_order_of_its_tenant(
    steps: list[tuple[str, int, bool]],
) -> None:
    questions, asked = WaitingQuestions(), []
    for number, (tenant, counters, takes) in enumerate(steps):
        questions.add(question(tenant, counters, number=number))
        if takes:
            asked.append(questions.take())
    while questions:
        asked.append(questions.take())
    for tenant in "abc":
        own = [one.answer for batch in asked for one in batch if one.tenant == tenant]
        assert own == [number for number, step in enumerate(steps) if step[0] == tenant]
    for batch in asked:
        assert 0 < len(batch) <= MOST_QUESTIONS
        assert len(batch) == 1 or sum(len(one.keys) for one in batch) <= MOST_COUNTERS
