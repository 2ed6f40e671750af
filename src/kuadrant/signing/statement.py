"""Statements about files: which files, each by its SHA-256, and what is said of them (in-toto Statement v1).

Source: in-toto/attestation, spec/v1/statement.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

_TYPE: Final = "https://in-toto.io/Statement/v1"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class StatementError(ValueError):
    """A payload is no statement that can be used; the text says why."""


class Statement(Struct, frozen=True):
    """Holds what is said, and of what.

    Attributes:
        subjects: The SHA-256 of each file, by its name.
        predicate_type: The address that tells what the predicate means.
        predicate: What is said of the files.
    """

    subjects: Mapping[str, str]
    predicate_type: str
    predicate: Mapping[str, Any]


class _Subject(Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Document(Struct, frozen=True):
    type: str = msgspec.field(name="_type")
    subject: tuple[_Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]


def statement_text(statement: Statement) -> bytes:
    """Return the statement as JSON; same statement, same bytes."""
    document = {
        "_type": _TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": digest}}
            for name, digest in sorted(statement.subjects.items())
        ],
        "predicateType": statement.predicate_type,
        "predicate": statement.predicate,
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def read_statement(payload: bytes) -> Statement:
    """Return the statement of a payload; whoever calls this has verified its signature.

    Raises:
        StatementError: it is none, or names a file twice or without a SHA-256.
    """
    try:
        document = msgspec.json.decode(payload, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StatementError(f"is no statement: {error}") from None
    if document.type != _TYPE:
        raise StatementError(f"is a statement of the form {document.type[:80]!r}, not {_TYPE}")
    subjects: dict[str, str] = {}
    for subject in document.subject:
        digest = subject.digest.get("sha256", "")
        if not _SHA256.fullmatch(digest):
            raise StatementError(f"names {subject.name[:80]!r} without a SHA-256")
        if subject.name in subjects:
            raise StatementError(f"names {subject.name[:80]!r} twice")
        subjects[subject.name] = digest
    return Statement(subjects, document.predicate_type, document.predicate)
