"""The service may refuse who shows no token when every gateway has one; then the former key may go."""

from __future__ import annotations

from msgspec.structs import replace

from kuadrant.api.caller_token import fingerprint
from kuadrant.gateways.provider import GatewayObjects, Rendering
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.gateway_tokens import Keys
from kuadrant.operator.core.times import RETENTION_SECONDS
from kuadrant.operator.core.version_arrivals import Arrivals
from kuadrant.operator.reconcile.token_spread import TokenSpread
from tests.unit.operator.core.seen import seen
from tests.unit.operator.example import GATEWAY, WANTED, limitador, world
from tests.unit.operator.known import MODULE, known, module

OLD, NEW = b"1" * 32, b"2" * 32
PROVING = module(prove=lambda _: MODULE.rendering)
DECISION = Decider().decide(world(limitador(WANTED)), known())


class Following:
    """Decisions about one gateway, which has got whatever it was to get."""

    def __init__(self) -> None:
        self.spread = 0
        self.callers = TokenSpread(lambda _: RETENTION_SECONDS)
        self.callers.spread = self._spread
        self.arrivals = Arrivals()
        self._wanted = GatewayObjects(*GATEWAY, ({"kind": "Plugin"},))

    def _spread(self) -> None:
        self.spread += 1

    def note(self, now: float, keys: Keys | None, *, mark: str = "") -> bool:
        decision, state = seen(None, self._wanted, self._wanted)
        self.arrivals.note({GATEWAY: decision}, {GATEWAY: state}, now)
        facts = known(module=PROVING, keys=keys, mark=mark)
        return self.callers.note(world(), facts, replace(DECISION, mark=mark), self.arrivals, now)


def test_before_it_is_known_whether_there_is_a_key_nothing_changes() -> None:
    following = Following()

    assert not following.note(0.0, None)
    assert following.callers.evidence.mark is None


def test_the_mark_is_to_be_decided_anew_once_every_gateway_has_a_token() -> None:
    following = Following()
    following.note(0.0, Keys())
    assert not following.note(1.0, Keys((NEW,))), "it may still ask without one"
    due = following.callers.due(following.arrivals, 1.0)

    assert due is not None
    assert due <= 1.0 + RETENTION_SECONDS
    assert following.note(1.0 + RETENTION_SECONDS, Keys((NEW,)))
    assert following.callers.evidence.mark == fingerprint(NEW)
    assert following.callers.due(following.arrivals, 100.0) is None


def test_the_former_key_may_go_when_every_gateway_has_a_token_of_the_current_one() -> None:
    following = Following()
    following.note(0.0, Keys((OLD,)))
    following.note(1.0, Keys((NEW, OLD)), mark=fingerprint(OLD))
    assert following.spread == 0

    following.note(100.0, Keys((NEW, OLD)), mark=fingerprint(NEW))
    assert following.spread == 1


def test_without_a_module_that_can_show_tokens_nobody_is_refused() -> None:
    following = Following()
    facts = known(module=module(rendering=Rendering(MODULE.rendering.by_cluster)), keys=Keys((NEW,)))
    following.callers.note(world(), facts, DECISION, following.arrivals, 0.0)

    assert following.callers.evidence.mark == ""
