"""What a person is told of a folder that runs."""

from __future__ import annotations

from msgspec import structs
from structlog.testing import capture_logs

from kuadrant.findings import Finding
from kuadrant.standalone.announcements import Announcements

NOTE = Finding("a.yaml", 1, 1, "", "", "is told", "listener-not-served", "note", "")
WARNING = structs.replace(NOTE, file="z.yaml", message="is suspicious", severity="warning")


def lines(announcements: Announcements, findings: list[Finding]) -> list[tuple[str, str]]:
    """What the log says of findings: level and text."""
    with capture_logs() as logged:
        announcements.found(findings, "dir")
    return [(one["log_level"], one["event"]) for one in logged]


def test_only_what_is_new_is_logged() -> None:
    announcements = Announcements()
    announcements.found([], "dir")

    assert lines(announcements, [WARNING]) == [("warning", "is suspicious")]
    assert lines(announcements, [WARNING, NOTE]) == [("info", "is told")]


def test_of_many_new_ones_the_gravest_are_logged_and_how_many_more_there_are() -> None:
    announcements = Announcements()
    announcements.found([], "dir")
    notes = [structs.replace(NOTE, line=number) for number in range(1, 501)]

    assert lines(announcements, [*notes, WARNING]) == [
        ("warning", "is suspicious"),
        *[("info", "is told")] * 19,
        ("warning", "more is suspicious: `kuadrant check` tells all"),
    ]
