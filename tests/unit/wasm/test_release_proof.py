"""The places whose word on a checksum is believed."""

from __future__ import annotations

import pytest

from kuadrant.wasm.fetch_error import FetchError
from kuadrant.wasm.release_proof import WantedRelease, require_trustworthy_place


def wanted(url: str, sha256: str | None = None) -> WantedRelease:
    return WantedRelease(version="v0.6.0", url=url, sha256=sha256)


@pytest.mark.parametrize(
    "url", ["https://mirror.example.com/x", "http://127.0.0.1:80/x", "http://localhost/x"]
)
def test_tls_or_no_way_at_all_is_safe(url: str) -> None:
    require_trustworthy_place(wanted(url))


def test_a_way_without_tls_is_refused() -> None:
    with pytest.raises(FetchError, match=r"http://mirror.example.com/x is without TLS"):
        require_trustworthy_place(wanted("http://mirror.example.com/x"))


def test_any_way_will_do_for_bytes_that_are_known() -> None:
    require_trustworthy_place(wanted("http://mirror.example.com/x", "0" * 64))
