"""The push server's certificate.

What clients that know its authority make of it, and when another one is due.
"""

from __future__ import annotations

import base64
import datetime as dt
import ssl
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kuadrant.operator.push.certificate import (
    LIFE,
    NAME,
    RENEWED_BEFORE_END,
    is_due,
    made,
    shown,
    values,
)
from kuadrant.operator.secrets.stored_secret import InvalidSecretError, StoredSecret, document
from tests.certificates import SHOWN

if TYPE_CHECKING:
    from pathlib import Path

    from kuadrant.operator.push.certificate import Shown

HOST = "push.kuadrant-system.svc.cluster.local"
NOW = dt.datetime.now(dt.UTC)
MADE = made(HOST, NOW)


def stored(content: Shown = MADE, **data: str | None) -> StoredSecret:
    """The Secret as the API server would give it back with other values for some keys (``_`` for ``.``)."""
    written = document(("kuadrant-system", NAME), values(content), "kubernetes.io/tls")
    for name, value in data.items():
        key = name.replace("_", ".")
        if value is None:
            del written["data"][key]
        else:
            written["data"][key] = base64.b64encode(value.encode()).decode()
    return msgspec.convert(written, StoredSecret)


def somebody_elses(**data: str | None) -> StoredSecret:
    secret = stored(MADE, **data)
    return msgspec.structs.replace(secret, metadata=msgspec.structs.replace(secret.metadata, labels={}))


def handshake(content: Shown, host: str, authority: str, folder: Path) -> None:
    """What goes on between a strict client that knows ``authority`` and a server that shows ``content``."""
    (folder / "chain.pem").write_bytes(content.certificate.chain + content.certificate.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "chain.pem")
    client = ssl.create_default_context(cadata=authority)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(back, there, server_hostname=host),
        server.wrap_bio(there, back, server_side=True),
    ]
    while sides:
        for side in tuple(sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            sides.remove(side)


@pytest.mark.parametrize("host", [HOST, "127.0.0.1", "fd00::1", f"{'x' * 63}.{'y' * 63}.svc"])
def test_it_is_believed_for_the_name_by_those_who_know_its_authority(host: str, tmp_path: Path) -> None:
    content = made(host, NOW)
    handshake(content, host, content.authority, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        handshake(content, host, MADE.authority, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"match|not valid"):
        handshake(content, "other.example", content.authority, tmp_path)


def test_what_was_stored_is_shown() -> None:
    assert shown(stored()) == MADE
    assert not is_due(stored(), HOST, NOW)


def test_a_certificate_without_authority_is_its_own() -> None:
    assert shown(stored(ca_crt=None)).authority.encode() == MADE.certificate.chain


def test_another_one_is_due_where_there_is_none() -> None:
    assert is_due(None, HOST, NOW)


def test_another_one_is_due_for_another_name() -> None:
    assert is_due(stored(), "other.example", NOW)
    assert is_due(stored(SHOWN), "127.0.0.2", NOW)
    assert not is_due(stored(SHOWN), "127.0.0.1", NOW)


def test_another_one_is_due_a_year_before_the_end() -> None:
    end = NOW + LIFE - RENEWED_BEFORE_END
    assert not is_due(stored(), HOST, end - dt.timedelta(minutes=1))
    assert is_due(stored(), HOST, end + dt.timedelta(minutes=1))


BROKEN: tuple[tuple[dict[str, Any], str], ...] = (
    ({"tls_crt": None}, "it has no tls.crt"),
    ({"tls_key": None}, "it has no tls.key"),
    ({"tls_crt": "x"}, "tls.crt or ca.crt is no certificate in PEM"),
    ({"ca_crt": "x"}, "tls.crt or ca.crt is no certificate in PEM"),
    ({"tls_key": "x"}, "tls.key is no key in PEM without a password"),
    ({"tls_key": SHOWN.certificate.key.decode()}, "tls.key is not the key of tls.crt"),
)


@pytest.mark.parametrize(("data", "problem"), BROKEN)
def test_what_cannot_be_shown_is_told_and_replaced_if_it_is_ours(data: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidSecretError) as raised:
        shown(stored(**data))
    assert str(raised.value) == problem
    assert is_due(stored(**data), HOST, NOW)
    assert not is_due(somebody_elses(**data), HOST, NOW)


def test_somebody_elses_is_never_replaced() -> None:
    assert not is_due(somebody_elses(), "other.example", NOW + 2 * LIFE)


def test_it_takes_the_place_of_the_version_that_was_seen_and_of_no_other() -> None:
    assert "resourceVersion" not in document(("ns", NAME), {}, "Opaque")["metadata"]
    assert document(("ns", NAME), {}, "Opaque", "7")["metadata"]["resourceVersion"] == "7"


def test_no_key_is_in_what_may_be_logged() -> None:
    assert "PRIVATE" not in repr(MADE)
    assert "data" not in repr(stored())
