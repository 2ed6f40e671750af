"""The module evaluates as Envoy does: the same expressions over the same requests, in one real Envoy.

Each expression is in one configuration twice: as a program, for the module, and as text, for Envoy's own
evaluator. A request asks for the values of some of them, by both, so that both see the very same request;
what the rate limit service is asked tells what each came to. What fails is left out of the question, as its
mode says.

10,000 pairs of an expression and a request are tried (times ``FUZZ_SCALE``), which ones ``FUZZ_SEED``
decides.
"""

from __future__ import annotations

import random
import socket
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cel_expr_python import cel
from msgspec import Struct, structs

from kuadrant.envoy_api import message
from kuadrant.expressions import programs
from kuadrant.policy.cel_environment import UNTYPED, environment, untyped
from kuadrant.policy.checked_expression import parts, read, written
from kuadrant.reference_model.filter_view import seen
from tests.e2e.wasm_shim.conftest import (
    LOOPBACK,
    READY_SECONDS,
    Envoy,
    Json,
    Service,
    cluster,
    limited,
    service,
)
from tests.unit.expressions.evaluations import of_activation
from tests.unit.expressions.generated_expressions import Expressions, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kuadrant.reference_model.request import Request
    from tests.conftest import Fuzz

pytestmark = pytest.mark.e2e

PAIRS = 10_000
RULES, EXPRESSIONS, REQUESTS = 40, 25, 10
"""Of one Envoy: so many rules with so many expressions each, and so many requests for each of them."""
ENVOY_TAKES = {"a": "PUT", "/é?x": "/%C3%A9?x"}
"""In place of what no gateway takes."""
KINDS = (*("bool", "string") * 3, "int", "uint", "double", "bytes", "duration", "timestamp")
FAILS = (None, False)
CALCULATIONS = frozenset({"_+_", "_-_", "timestamp"})
VARIABLES = tuple(f"v{number}" for number in range(10))
LANGUAGE = environment(UNTYPED | dict.fromkeys(VARIABLES, cel.Type.DYN))
BEYOND = ("OUT_OF_RANGE: integer overflow", "OUT_OF_RANGE: timestamp overflow")
"""What Google's evaluation of today says of a moment or a duration that there is none of. Envoy's goes on."""
TWICE = "expr_evaluate error: duplicate key in map"
"""What Envoy's log says where its evaluation ends, also where `&&` and `||` would not look at the map."""
OK = b"\x08\x01"


class Written(Struct, frozen=True):
    """An expression as a value in text, and, if it is true or false, as a condition."""

    value: str
    condition: str | None


def taken_by_both(expressions: Expressions, source: random.Random) -> Written | None:
    """An expression that both take; None if this one is not checked or not for the module."""
    kind = source.choice(KINDS)
    text = expressions.make_of(kind)
    value = f"({text}) ? 'true' : 'false'" if kind == "bool" else text
    try:
        untyped().compile(f"string({value})")
    except RuntimeError:
        return None
    if programs.value(value) is None:
        return None
    return Written(value, text if kind == "bool" else None)


def limits(number: int, one: Written) -> Iterator[Json]:
    """The limits of an expression: its value and whether it holds, by the module and by Envoy."""
    yield {"entries": [{"key": f"module {number}", "program": programs.value(one.value)}]}
    yield {"entries": [{"key": f"Envoy {number}", "expression": one.value}]}
    if one.condition is not None:
        by_module, by_envoy = {"program": programs.predicate(one.condition)}, {"expression": one.condition}
        for name, condition in (("module", by_module), ("Envoy", by_envoy)):
            yield {"entries": [{"key": f"{name} holds {number}", "value": "1"}], "when": [condition]}


def rule(number: int, batch: list[Written]) -> Json:
    """A rule for requests with its number; each has an owner of its own, whose account no other one uses."""
    action = {
        "service": "limiter",
        "scope": f"owner-{number}/expressions",
        "limits": [limit for place, one in enumerate(batch) for limit in limits(place, one)],
    }
    header = {"name": "x-rule", "type": "exact", "value": str(number)}
    return {"name": f"rule {number}", "headers": [header], "actions": [action]}


class Gateway:
    """An Envoy with a batch of expressions for each rule."""

    def __init__(self, folder: Path, batches: list[list[Written]]) -> None:
        self._limiter = Service(answer=lambda _: OK)
        rules = [rule(number, batch) for number, batch in enumerate(batches)]
        configuration = {
            "version": 1,
            "services": {"limiter": service(mode="allow", timeout=20_000)},
            "hosts": [{"hostname": "*", "rules": rules}],
        }
        route = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
        hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
        listeners = [limited("both", configuration, hosts)]
        self._envoy = Envoy(folder, listeners, [cluster("limiter", self._limiter.port, http2=True)])
        self._connection = self._connected()
        self._log_before = 0

    def evaluations_ended(self) -> int:
        """How many evaluations of the last request Envoy ended because a map has a key twice."""
        return self._envoy.log_from(self._log_before).count(TWICE)

    def ask(self, number: int, one: Request) -> dict[str, str] | None:
        """What rule ``number`` makes of a request, by the keys of its limits.

        None if its owner has taken too much time before, as can be where the machine has none for Envoy.
        """
        status = self._exchange(number, one)
        if status == 500 and f'"owner-{number}" have taken too much of this worker' in self._envoy.log:
            self._connection.close()
            self._connection = self._connected()
            return None
        assert status == 200, (one, self._envoy.log[-2000:])
        if not self._limiter.requests:
            return {}
        asked = message("envoy.service.ratelimit.v3.RateLimitRequest").FromString(self._limiter.requests[-1])
        return {entry.key: entry.value for entry in asked.descriptors[0].entries}

    def _connected(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self._envoy.ports["both"]), timeout=READY_SECONDS)

    def _exchange(self, number: int, one: Request) -> int:
        head = [f"{one.method} {one.target} HTTP/1.1", f"host: {one.authority}", f"x-rule: {number}"]
        head += [f"{name}: {value}" for name, value in one.headers]
        length = int(dict(one.headers).get("content-length", "0"))
        self._limiter.requests.clear()
        self._log_before = self._envoy.log_size
        self._connection.sendall("".join(f"{line}\r\n" for line in [*head, ""]).encode() + b"x" * length)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self._connection.recv(65536)
            assert part, self._envoy.log[-2000:]
            answer += part
        return int(answer.split(b" ")[1])

    def stop(self) -> None:
        self._connection.close()
        self._envoy.stop()
        self._limiter.stop()


def taken(one: Request) -> Request:
    """A request that a gateway takes, for ``one``."""
    method, target = (ENVOY_TAKES.get(text, text) for text in (one.method, one.target))
    return structs.replace(one, method=method, target=target, headers=seen(one.headers))


def differences(
    batch: list[Written], found: dict[str, str], asked: Request, gateway: Gateway
) -> Iterator[str]:
    """Where both do not come to the same, though Envoy does as CEL says, a line each."""
    ended = 0
    for number, one in enumerate(batch):
        module, envoy = (
            (plain(found.get(f"{who} {number}")), f"{who} holds {number}" in found)
            for who in ("module", "Envoy")
        )
        if module == envoy:
            continue
        if module == FAILS and any(how in BEYOND for how in failures(one.value, asked)):
            continue
        if envoy == FAILS:
            ended += 1 if one.condition is None else 2
            if ended <= gateway.evaluations_ended():
                continue
        yield f"{one.value}\n  module {module}, Envoy {envoy}"


def plain(value: str | None) -> str | None:
    """A value, without the sign of what is no number, which no one can know."""
    return value and value.replace("-nan(ind)", "nan").replace("-nan", "nan")


def failures(text: str, asked: Request) -> Iterator[str]:
    """How ``text``, and each part of it that calculates moments, fails by Google's evaluation."""
    known = {
        ("request", "time"): datetime.now(UTC),
        ("request", "id"): "an id",
        ("connection", "mtls"): False,
        ("source", "port"): 40_000,
    }
    given = of_activation(structs.replace(asked, attributes=known)) | dict.fromkeys(VARIABLES, "a")
    headers: dict[str, str] = given["request"]["headers"]
    headers |= {"host": asked.authority, **{name.upper(): value for name, value in headers.items()}}
    # Python has no unsigned numbers.
    checked = read(LANGUAGE.compile(text.replace("connection.id", "dyn(1u)")).serialize())
    for part in parts(checked.expression):
        is_calculation = part.call.function in CALCULATIONS and any(map(is_moment, parts(part)))
        if part.id != checked.expression.id and not is_calculation:
            continue
        alone = type(checked)()
        alone.CopyFrom(checked)
        alone.expression.CopyFrom(part)
        try:
            result = LANGUAGE.deserialize(written(alone)).eval(data=given)
        except RuntimeError:
            continue
        if result.type() == cel.Type.ERROR:
            yield str(result.plain_value())


def is_moment(part: Any) -> bool:
    """Whether a part is a moment or a duration that is not made of others."""
    return part.call.function in ("timestamp", "duration") or bool(part.select.field == "time")


def made(source: random.Random) -> list[list[Written]]:
    """As many expressions as one Envoy has."""
    expressions = Expressions(source, host_only=True)
    found: list[Written] = []
    while len(found) < RULES * EXPRESSIONS:
        if (one := taken_by_both(expressions, source)) is not None:
            found.append(one)
    return [found[start : start + EXPRESSIONS] for start in range(0, len(found), EXPRESSIONS)]


@pytest.mark.timeout(14400)
def test_the_module_evaluates_as_envoy_does(tmp_path: Path, fuzz: Fuzz) -> None:
    source = random.Random(fuzz.seed)
    outcomes: Counter[str] = Counter()
    round_ = 0
    while outcomes.total() < PAIRS * fuzz.scale:
        batches = made(source)
        gateway = Gateway(tmp_path / str(round_), batches)
        try:
            for number, batch in enumerate(batches):
                for _ in range(REQUESTS):
                    one = taken(request(source))
                    found = gateway.ask(number, one)
                    if found is None:
                        break
                    differing = list(differences(batch, found, one, gateway))
                    assert not differing, "\n".join([*differing, str(one), f"FUZZ_SEED={fuzz.seed}"])
                    values = sum(f"module {place}" in found for place in range(len(batch)))
                    outcomes.update({"values": values, "failures": len(batch) - values})
        finally:
            gateway.stop()
        round_ += 1
        fuzz.progress(outcomes.total(), PAIRS * fuzz.scale)
    shown = ", ".join(f"{number} {what}" for what, number in sorted(outcomes.items()))
    fuzz.done(f"pairs of an expression and a request ({shown})", outcomes.total())
