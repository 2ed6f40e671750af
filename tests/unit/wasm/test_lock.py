"""The lock file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kuadrant.wasm import lock

ENTRY = lock.LockedModule(
    name="kuadrant-wasm-shim",
    version="v0.6.0",
    file="kuadrant-wasm-shim@v0.6.0",
    sha256="ab" * 32,
    size=12,
    dialects=("policies", "action-sets"),
    source="https://github.com/",
)


@given(
    st.builds(
        replace,
        st.just(ENTRY),
        name=st.text(),
        version=st.text(),
        size=st.integers(0, 2**40),
        dialects=st.lists(st.text(), min_size=1).map(tuple),
        source=st.text(),
    )
)
def test_what_is_written_is_read_again(entry: lock.LockedModule) -> None:
    assert lock.parse(lock.text([entry])) == (entry,)


def test_the_order_is_kept() -> None:
    other = replace(ENTRY, version="v0.5.0", file="b", sha256="cd" * 32)

    assert lock.parse(lock.text([ENTRY, other])) == (ENTRY, other)
    assert lock.parse(lock.text([other, ENTRY])) == (other, ENTRY)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("module", "Expected '=' after a key"),
        ("[other]", "Object contains unknown field `other`"),
        ("[[module]]", "missing required field `name`"),
        (lock.text([ENTRY]) + 'sha512 = ""', "unknown field `sha512`"),
        (lock.text([replace(ENTRY, sha256="AB" * 32)]), "sha256 of module .* is not 64 hexadecimal digits"),
        (lock.text([replace(ENTRY, file="../passwd")]), "file of module .* is not a plain file name"),
        (lock.text([replace(ENTRY, dialects=())]), "module kuadrant-wasm-shim v0.6.0 has no dialect"),
        (lock.text([ENTRY, replace(ENTRY, sha256="cd" * 32)]), "v0.6.0 and v0.6.0 have the same file"),
        (lock.text([ENTRY, replace(ENTRY, file="b")]), "v0.6.0 and v0.6.0 have the same sha256"),
    ],
)
def test_what_is_no_lock_file_is_refused(text: str, problem: str) -> None:
    with pytest.raises(lock.LockError, match=problem):
        lock.parse(text)
