"""Statements about modules: which module somebody vouches for, by its bytes; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.signing.envelope import SignatureError, opened, sign
from kuadrant.signing.statement import Statement, StatementError, read_statement, statement_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kuadrant.signing.keys import SigningKey, TrustedKey
    from kuadrant.wasm.module import Module

PREDICATE: Final = "urn:kuadrant:module:v1"
"""Tells a statement about a module from whatever else the same key has signed."""
SUFFIX: Final = ".statement.json"


def statement_name(module: Module) -> str:
    """Return the name of the file that holds the statement about a module."""
    return f"module-{module.sha256[:16]}{SUFFIX}"


def signed_statement(module: Module, key: SigningKey) -> bytes:
    """Return a statement that whoever has ``key`` vouches for a module, in its envelope."""
    said = {"version": module.version, "dialects": list(module.dialects)}
    statement = Statement({module.name: module.sha256}, PREDICATE, said)
    return sign(statement_text(statement), key)


def vouching_key(
    module: Module, statements: Mapping[str, bytes], keys: Sequence[TrustedKey]
) -> tuple[TrustedKey | None, str]:
    """Return which of ``keys`` vouches for a module by one of ``statements``; else None, and why none does.

    Statements are given by the places of their files.

    Version and dialects have to be those of the lock file: by another version somebody would be told
    wrong, and by another dialect the module would get a configuration that nobody has vouched for.
    """
    why = "nobody has signed it"
    for place, text in statements.items():
        try:
            signed = opened(text, keys)
            statement = read_statement(signed.payload)
        except (SignatureError, StatementError) as error:
            # By its name, which proves nothing: who signed nothing that counts says nothing that does.
            why = f"{place} {error}" if place.endswith(statement_name(module)) else why
            continue
        if statement.predicate_type != PREDICATE or module.sha256 not in statement.subjects.values():
            continue
        said = (statement.predicate.get("version"), statement.predicate.get("dialects"))
        if said != (module.version, list(module.dialects)):
            why = f"it was signed as version {said[0]} with the dialects {said[1]}"
            continue
        return signed.key, ""
    return None, why
