"""The line that shows a download: on a terminal, and gone when it has ended."""

from __future__ import annotations

import io

from kuadrant.terminal_progress import Bar

MIB = 2**20


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_where_the_output_is_no_terminal_nothing_is_written() -> None:
    output = io.StringIO()
    with Bar(output) as bar:
        bar.show(MIB, MIB)
    assert output.getvalue() == ""


def test_a_download_of_a_known_size_is_a_bar_and_the_line_is_cleared_at_the_end() -> None:
    output = Terminal()
    with Bar(output) as bar:
        bar.show(2 * MIB, 2 * MIB)
        shown = output.getvalue()
    assert shown == f"\r[{'#' * 30}] 2.0 of 2.0 MiB"
    assert output.getvalue() == f"{shown}\r{' ' * (len(shown) - 1)}\r"


def test_a_download_of_an_unknown_size_says_what_is_there() -> None:
    output = Terminal()
    with Bar(output) as bar:
        bar.show(MIB // 2, None)
    assert output.getvalue().startswith("\r0.5 MiB\r")


def test_what_follows_at_once_is_not_drawn_unless_it_is_the_last() -> None:
    output = Terminal()
    with Bar(output) as bar:
        for done in (1, 2, 3):
            bar.show(done * MIB, 3 * MIB)
    assert [f"{done}.0 of" in output.getvalue() for done in (1, 2, 3)] == [True, False, True]
