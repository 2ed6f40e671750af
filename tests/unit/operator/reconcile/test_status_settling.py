"""What has not been so for long enough is not said."""

from kuadrant.operator.reconcile.status_settling import Settling


def test_what_is_well_can_be_said_at_once() -> None:
    settling = Settling(2.0)
    assert settling.left(0.0) == 0.0
    settling.note(well=False, now=0.0)
    settling.note(well=True, now=1.0)
    assert settling.left(1.0) == 0.0


def test_what_is_not_is_said_when_it_has_been_so_for_a_while() -> None:
    settling = Settling(2.0)
    settling.note(well=False, now=10.0)
    settling.note(well=False, now=11.5)
    assert settling.left(11.5) == 0.5
    assert settling.left(12.0) == settling.left(20.0) == 0.0


def test_a_moment_in_which_all_was_well_begins_it_anew() -> None:
    settling = Settling(2.0)
    settling.note(well=False, now=0.0)
    settling.note(well=True, now=0.1)
    settling.note(well=False, now=1.9)
    assert settling.left(2.0) == 1.9
