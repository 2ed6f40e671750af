"""What is said of answers that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.wasm.fetch_error import FetchError
from kuadrant.wasm.release_download import JSON, Downloads
from tests import releases

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.releases import Handler


def gives(status: int, **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.give(status, b"", **headers)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (gives(401), "127.0.0.1 does not take the token in GITHUB_TOKEN"),
        (gives(404), "does not exist; look at the version"),
        (gives(502), "127.0.0.1 answers 502; it is out of order"),
        (gives(418), "answers 418; it cannot be had from there"),
    ],
)
def test_an_answer_that_is_no_document_is_told_with_what_to_do(
    answer: Callable[[Handler], None], words: str
) -> None:
    with releases.serve() as server:
        server.answers["/x"] = answer
        with (
            Downloads(server.address, None, patience=5.0, longest=5.0) as downloads,
            pytest.raises(FetchError, match=words),
        ):
            downloads.text(f"{server.address}/x", JSON)
