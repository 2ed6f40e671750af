import pytest

from kuadrant.api.limitador import Limit
from kuadrant.ratelimit.counters import Ask, Counters, LimitCounters, counter_values, standings
from tests.unit.ratelimit.store import BY_USER, FIVE, Store


def test_a_window_starts_with_its_first_hit_and_ends_to_the_instant() -> None:
    store = Store(FIVE)

    assert [store.hit(3.0, FIVE) for _ in range(6)] == [True] * 5 + [False]
    assert not store.hit(12.999, FIVE)
    assert [store.hit(13.0, FIVE) for _ in range(6)] == [True] * 5 + [False]


def test_a_denied_hit_is_counted_nowhere_and_opens_no_window() -> None:
    store = Store(FIVE, BY_USER)
    both = [store.ask(FIVE), store.ask(BY_USER, "bob", hits=3)]

    assert store.counters.check_and_add(both, 0.0) == both[1]

    assert store.counters.held == 0
    assert [store.hit(9.0, FIVE) for _ in range(6)] == [True] * 5 + [False]
    assert not store.hit(18.9, FIVE)


def test_the_first_counter_without_room_is_the_one_that_denies() -> None:
    store = Store(FIVE, BY_USER)
    asks = [store.ask(FIVE, hits=6), store.ask(BY_USER, "bob", hits=3)]

    assert store.counters.check_and_add(asks, 0.0) == asks[0]


def test_several_hits_fit_whole_or_not_at_all() -> None:
    store = Store(FIVE)

    assert store.hit(0.0, FIVE, hits=3)
    assert not store.hit(0.0, FIVE, hits=3)
    assert store.hit(0.0, FIVE, hits=2)
    assert not store.hit(0.0, FIVE)


def test_no_hits_are_a_question_that_counts_nothing() -> None:
    store = Store(FIVE)

    assert store.hit(0.0, FIVE, hits=0)
    assert store.hit(5.0, FIVE, hits=5)
    assert store.hit(5.0, FIVE, hits=0)
    assert not store.hit(14.9, FIVE)


def test_each_list_of_values_has_its_own_counter() -> None:
    store = Store(BY_USER)

    assert [store.hit(0.0, BY_USER, user) for user in "aabab"] == [True, True, True, False, True]
    assert store.counters.held == 2


def test_of_at_most_0_every_hit_is_denied() -> None:
    nothing = Limit(namespace="a", max_value=0, seconds=10)
    store = Store(nothing)

    assert not store.hit(0.0, nothing)
    assert store.hit(0.0, nothing, hits=0)


@pytest.mark.parametrize("variables", [(), ("user",)])
def test_in_0_seconds_each_request_is_measured_by_itself(variables: tuple[str, ...]) -> None:
    instant = Limit(namespace="a", max_value=2, seconds=0, variables=variables)
    store = Store(instant)

    assert [store.hit(0.0, instant, *variables, hits=hits) for hits in (2, 2, 3, 1)] == [
        True,
        True,
        False,
        True,
    ]
    assert store.counters.held == 0


def test_limits_that_stay_keep_their_counters_and_others_are_forgotten() -> None:
    store = Store(FIVE, BY_USER)
    store.hit(0.0, FIVE, hits=5)
    store.hit(0.0, BY_USER, "bob", hits=2)

    store.keep(Limit(namespace="a", max_value=6, seconds=10, name="six"))
    assert store.counters.held == 0
    store.keep(FIVE, BY_USER)

    assert not store.hit(1.0, FIVE)
    assert store.hit(1.0, BY_USER, "bob", hits=2)


def test_counters_that_are_over_are_removed_while_new_ones_come() -> None:
    store = Store(BY_USER, bound=100_000)
    for number in range(10_000):
        assert store.hit(float(number), BY_USER, f"user {number}")

    assert store.counters.held <= 11
    assert store.counters.held + store.counters.expired == 10_000
    assert store.counters.shared == 0


def test_counters_of_a_limit_that_is_not_asked_any_more_are_removed_too() -> None:
    other = Limit(namespace="b", max_value=2, seconds=10, variables=("user",))
    store = Store(BY_USER, other)
    for number in range(50):
        store.hit(0.0, BY_USER, f"user {number}")
    for number in range(50):
        store.hit(10.0, other, f"user {number}")

    assert store.counters.held == 50


def test_a_restarted_counter_is_not_removed_with_those_of_its_first_window() -> None:
    store = Store(BY_USER)
    for user in ("a", "b", "c"):
        store.hit(0.0, BY_USER, user)
    store.hit(10.0, BY_USER, "a", hits=2)

    store.counters.sweep(10.0, 100)

    assert store.counters.held == 1
    assert not store.hit(10.0, BY_USER, "a")


def filled(*limits: Limit, room: int) -> Store:
    """Limits of which the first has room for so many counters with a short value."""
    small = Store(*limits)
    for bound in range(0, 1 << 20, 128):
        small = Store(*limits, bound=bound)
        for number in range(room + 1):
            small.hit(0.0, limits[0], str(number))
        if small.counters.held >= room:
            break
    assert small.counters.held == room
    return Store(*limits, bound=small.counters.shares.bound)


def test_at_the_bound_new_values_share_a_counter_and_old_ones_notice_nothing() -> None:
    store = filled(BY_USER, room=2)
    assert [store.hit(0.0, BY_USER, user) for user in "ab"] == [True, True]

    assert [store.hit(1.0, BY_USER, user) for user in "cdefg"] == [True, True, False, False, False]

    assert [store.hit(1.0, BY_USER, user) for user in "aabb"] == [True, False, True, False]
    assert (store.counters.held, store.counters.shared) == (2, 1)


def test_a_value_leaves_the_shared_counter_only_when_that_is_over() -> None:
    store = filled(BY_USER, room=1)
    store.hit(0.0, BY_USER, "a")
    assert store.hit(5.0, BY_USER, "b", hits=2)

    assert not store.hit(10.0, BY_USER, "b")  # "a" is over, and there would be room
    assert not store.hit(14.9, BY_USER, "a")
    assert store.hit(15.0, BY_USER, "b", hits=2)


def test_long_values_are_held_as_digests_that_differ_when_they_do() -> None:
    short, long = "x" * 64, "x" * 65

    def key(*values: str) -> str | bytes:
        found = counter_values(values)
        assert found is not None
        return found.key

    assert short in str(key(short))
    assert len(key(*["y" * 5000] * 24)) <= 128
    digest = str(key(long))[2:-2]
    assert len(digest) < 80
    assert len({key(one) for one in (long, long + "x", "y" * 65, digest, digest[:64])}) == 5
    assert len({key("a", "b"), key("a,b"), key('a","b'), key("ab"), key("b", "a"), key("a", "b" * 200)}) == 6
    assert counter_values([]) is None


def test_standings_say_what_is_left_after_the_decision_and_when_it_is_whole_again() -> None:
    store = Store(FIVE, BY_USER)
    store.hit(0.0, FIVE, hits=2)
    asks = [store.ask(FIVE), store.ask(BY_USER, "bob")]
    assert store.counters.check_and_add(asks, 4.0) is None

    found = standings(asks, 4.0, limited=False)

    assert [(one.ask, one.remaining, one.reset) for one in found] == [(asks[1], 1, 10.0), (asks[0], 2, 6.0)]


def test_what_denied_stands_first_with_what_is_really_left() -> None:
    store = Store(FIVE, BY_USER)
    store.hit(0.0, FIVE, hits=2)
    asks = [store.ask(BY_USER, "bob", hits=1), store.ask(FIVE, hits=4)]
    assert store.counters.check_and_add(asks, 4.0) == asks[1]

    found = standings(asks, 4.0, limited=True)

    assert [(one.ask, one.remaining, one.reset) for one in found] == [(asks[1], 3, 6.0), (asks[0], 2, 10)]


def test_a_limit_that_was_lowered_below_its_hits_has_nothing_left() -> None:
    counters = LimitCounters(("n", 10, frozenset(), frozenset(), "FixedWindow"))
    store = Counters(10)
    store.check_and_add([Ask(counters, None, 5, 4, "", 5)], 0.0)

    assert standings([Ask(counters, None, 3, 1, "", 3)], 0.0, limited=True)[0].remaining == 0
