"""The places whose word on a checksum is believed, and what is said of answers that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.wasm.release_download import JSON, Downloads, FetchError, require_safe
from tests import releases

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.releases import Handler


@pytest.mark.parametrize(
    "url", ["https://mirror.example.com/x", "http://127.0.0.1:80/x", "http://localhost/x"]
)
def test_tls_or_no_way_at_all_is_safe(url: str) -> None:
    require_safe(url)


def test_a_way_without_tls_is_refused() -> None:
    with pytest.raises(FetchError, match=r"http://mirror.example.com/x is without TLS"):
        require_safe("http://mirror.example.com/x")


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
