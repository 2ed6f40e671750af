"""When the rate limit service may refuse who shows no token, and which key may go.

By evidence, as limits go.
"""

from __future__ import annotations

from math import inf

import msgspec
import pytest

from kuadrant.api.caller_token import CURRENT, PREVIOUS, fingerprint
from kuadrant.compiler.program import GatewayProgram
from kuadrant.gateways.provider import GatewayObjects
from kuadrant.operator.core.callers_evidence import Caller, CallersEvidence
from kuadrant.operator.core.gateway_tokens import Keys
from kuadrant.operator.core.version_arrivals import Arrivals
from kuadrant.operator.secrets.caller_keys import CallerKeys
from kuadrant.operator.secrets.stored_secret import InvalidSecretError, StoredSecret, document
from tests.unit.operator.core.seen import note

ONE, TWO = b"1" * 32, b"2" * 32
FIRST, BOTH, SECOND = Keys((ONE,)), Keys((TWO, ONE)), Keys((TWO,))
GATEWAY, OTHER = ("ns", "gw"), ("ns", "other")
SECONDS = 30.0
DAY = 86_400.0


class Cluster:
    """Gateways, and what they are known to have.

    ``marked`` is what the rate limit service's resource says.
    """

    def __init__(self, *existing: tuple[str, str], marked: bytes | None = None) -> None:
        self.evidence = CallersEvidence()
        self.arrivals = Arrivals()
        self.marked = "" if marked is None else fingerprint(marked)
        self.objects = set(existing)
        self.gateways = set(existing)
        self._wanted: dict[tuple[str, str], tuple[Keys | None, GatewayObjects]] = {}

    def at(
        self, now: float, keys: Keys | None, *arrived: tuple[str, str], works_since: float | None = -inf
    ) -> str | None:
        """Return what the mark is to be, when all is in place at the gateways that ``arrived``."""
        for key in self.gateways:
            if key not in self._wanted or self._wanted[key][0] != keys:
                self._wanted[key] = (keys, GatewayObjects(*key, ({"shows": str(keys and keys.held)},)))
        note(
            self.arrivals,
            {key: (GatewayProgram(*key, (), ()), self._wanted[key][1]) for key in self.gateways},
            arrived,
            now,
            works_since=works_since,
        )
        asking = {key: Caller(True, key in self.objects, SECONDS) for key in self.gateways}
        self.evidence.note(asking, keys, self.marked, self.arrivals, now)
        self.objects |= set(arrived)
        return self.evidence.mark


def test_before_anything_is_known_what_is_marked_stays() -> None:
    assert CallersEvidence().mark is None


def test_a_new_installation_refuses_strangers_from_the_beginning() -> None:
    cluster = Cluster()
    assert cluster.at(0.0, FIRST) == fingerprint(ONE)
    cluster.gateways.add(GATEWAY)
    assert cluster.at(1.0, FIRST) == fingerprint(ONE)


def test_gateways_that_were_there_before_have_to_be_known_to_have_tokens() -> None:
    cluster = Cluster(GATEWAY, OTHER)
    assert cluster.at(0.0, FIRST, GATEWAY) == ""
    assert cluster.at(DAY, FIRST, GATEWAY) == ""
    assert cluster.at(DAY, FIRST, GATEWAY, OTHER) == ""
    assert cluster.at(DAY + SECONDS, FIRST, GATEWAY, OTHER) == fingerprint(ONE)


def test_a_control_plane_that_is_down_gives_gateways_nothing() -> None:
    cluster = Cluster(GATEWAY)
    assert cluster.at(0.0, FIRST, GATEWAY, works_since=None) == ""
    assert cluster.at(DAY, FIRST, GATEWAY, works_since=None) == ""
    assert cluster.at(2 * DAY, FIRST, GATEWAY, works_since=2 * DAY - SECONDS) == fingerprint(ONE)


def test_an_operator_that_starts_anew_leaves_it_on() -> None:
    cluster = Cluster(GATEWAY, marked=ONE)
    assert cluster.at(0.0, FIRST) == fingerprint(ONE)


@pytest.mark.parametrize("keys", [None, Keys()], ids=["a module that knows no tokens", "no key"])
def test_it_goes_off_at_once_when_a_gateway_is_to_have_no_token(keys: Keys | None) -> None:
    cluster = Cluster(GATEWAY, marked=ONE)
    assert cluster.at(0.0, FIRST, GATEWAY) == fingerprint(ONE)
    assert cluster.at(1.0, keys, GATEWAY) == ""
    cluster.marked = ""
    assert cluster.at(2.0, FIRST) == ""
    assert cluster.at(3.0, FIRST, GATEWAY) == ""
    assert cluster.at(3.0 + SECONDS, FIRST, GATEWAY) == fingerprint(ONE)


def test_another_key_takes_over_when_every_gateway_has_a_token_of_it_and_the_former_goes_after_that() -> None:
    cluster = Cluster(GATEWAY, marked=ONE)
    cluster.at(0.0, FIRST, GATEWAY)
    assert cluster.at(1.0, BOTH) == fingerprint(ONE)
    assert cluster.at(2.0, BOTH, GATEWAY) == fingerprint(ONE)
    assert not cluster.evidence.are_spread(BOTH)
    assert cluster.at(2.0 + SECONDS, BOTH, GATEWAY) == fingerprint(TWO)
    assert not cluster.evidence.are_spread(BOTH)

    cluster.marked = fingerprint(TWO)
    assert cluster.at(40.0, BOTH, GATEWAY) == fingerprint(TWO)
    assert cluster.evidence.are_spread(BOTH)
    assert cluster.at(41.0, SECOND) == fingerprint(TWO)


def test_a_key_that_nobody_remembers_the_former_of_begins_anew() -> None:
    """The Secret was deleted while no operator ran: gateways have tokens of a key that is nowhere."""
    cluster = Cluster(GATEWAY, marked=ONE)
    assert cluster.at(0.0, SECOND) == ""


def test_gateways_that_are_gone_are_not_waited_for() -> None:
    cluster = Cluster(GATEWAY, OTHER)
    cluster.at(0.0, FIRST, GATEWAY)
    cluster.gateways.remove(OTHER)
    assert cluster.at(SECONDS, FIRST, GATEWAY) == fingerprint(ONE)


# The Secret


def keeping(*, spread: bool = False) -> CallerKeys:
    return CallerKeys("ns", lambda _: spread, lambda _: TWO)


def secret(*keys: bytes, ours: bool = True) -> StoredSecret:
    values = dict(zip((CURRENT, PREVIOUS), keys, strict=False))
    made = document(("ns", "n"), values, "Opaque")
    if not ours:
        made["metadata"]["labels"] = {}
    return msgspec.convert(made, StoredSecret)


def test_the_first_key_is_made() -> None:
    assert keeping().due(None, None) == {CURRENT: TWO}


def test_one_that_was_deleted_leaves_the_former_in_use() -> None:
    assert keeping().due(None, FIRST) == {CURRENT: TWO, PREVIOUS: ONE}


@pytest.mark.parametrize("ours", [True, False])
def test_one_that_is_there_stays(ours: bool) -> None:
    assert keeping(spread=True).due(secret(ONE, ours=ours), FIRST) is None
    assert keeping().read(secret(ONE, ours=ours)) == FIRST


def test_the_former_goes_when_nobody_needs_it() -> None:
    assert keeping().due(secret(TWO, ONE), BOTH) is None
    assert keeping(spread=True).due(secret(TWO, ONE), BOTH) == {CURRENT: TWO}
    assert keeping(spread=True).due(secret(TWO, ONE, ours=False), BOTH) is None


def test_one_that_was_spoiled_is_made_anew_and_somebody_elses_is_not() -> None:
    assert keeping().due(secret(b"short"), FIRST) == {CURRENT: TWO, PREVIOUS: ONE}
    assert keeping().due(secret(b"short", ours=False), FIRST) is None
    for bad in (secret(b"short"), secret(ONE, b"short"), secret()):
        with pytest.raises(InvalidSecretError):
            keeping().read(bad)


def test_no_key_is_in_what_may_be_logged() -> None:
    assert "1" * 8 not in repr(FIRST)
    assert "1" * 8 not in str(Keys((ONE, TWO)))
