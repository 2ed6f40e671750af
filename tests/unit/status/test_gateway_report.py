"""What `kuadrant status` shows."""

from __future__ import annotations

from kuadrant.api.meta import Condition
from kuadrant.status import (
    Content,
    FilterState,
    GatewayReport,
    PodState,
    PolicyReport,
    Report,
    chosen,
    pod_lines,
    report_text,
    with_fetches,
)

OLD, NEW = Content("a" * 64, "0011223344556677"), Content("b" * 64, "8899aabbccddeeff")
NOW = 1_000_000.0


def _pod(name: str, *, ready: bool = True, **delivery: object) -> PodState:
    deliveries = (FilterState(filter="f", **delivery),) if delivery else ()  # type: ignore[arg-type]
    return PodState(pod=f"ns/{name}", ready=ready, deliveries=deliveries)


PUSHED = GatewayReport(
    gateway="ns/edge",
    provider="Istio",
    delivery="push",
    limited=True,
    awaited=("Pod (ns/c)",),
    pods=pod_lines(
        {"f": NEW},
        (
            _pod("a", running=NEW, since=NOW - 12),
            _pod("b", running=OLD, since=NOW - 600, refused=NEW, refusal="no wasm", refused_at=NOW - 3),
            _pod("c", ready=False),
            _pod("d", running=OLD, since=NOW - 90_000 * 3),
        ),
    ),
)
PULLED = GatewayReport(
    gateway="ns/other",
    provider="Istio",
    delivery="pull",
    limited=True,
    pods=pod_lines({"": Content("b" * 64, "")}, (_pod("x"), _pod("y"))),
)
IDLE = GatewayReport(gateway="ns/idle", provider="Istio", delivery="pull", limited=False)
POLICY = PolicyReport(
    policy="ns/p",
    gateways=("ns/edge",),
    conditions=(
        Condition(
            type="Accepted", status="True", reason="Accepted", message="RateLimitPolicy has been accepted"
        ),
        Condition(type="Enforced", status="False", reason="Unknown", message="waiting"),
    ),
)
REPORT = Report(leads=True, gateways=(PUSHED, PULLED, IDLE), policies=(POLICY,))


def test_a_table_that_a_person_can_read() -> None:
    report = with_fetches(REPORT, lambda pod, _: NOW - 60 if pod == "ns/x" else None)
    assert report_text(report, NOW) == (
        "GATEWAY   DELIVERY  POD  READY  MODULE        CONFIGURATION     SINCE  STATE\n"
        "ns/edge   push      a    yes    bbbbbbbbbbbb  8899aabbccddeeff  12s    acknowledged\n"
        "                    b    yes    aaaaaaaaaaaa  0011223344556677  10m    refused 3s ago, keeps what "
        "it had: no wasm\n"
        "                    c    no     -             -                 -      not heard of\n"
        "                    d    yes    aaaaaaaaaaaa  0011223344556677  3d     "
        "behind: bbbbbbbbbbbb/8899aabbccddeeff is wanted\n"
        "                                                                       waiting for Pod (ns/c)\n"
        "ns/other  pull      x    yes    bbbbbbbbbbbb  -                 60s    "
        "module fetched; its configuration is not known\n"
        "                    y    yes    -             -                 -      not heard of\n"
        "ns/idle   -         -    -      -             -                 -      not limited\n"
        "\n"
        "POLICY  ACCEPTED  ENFORCED  MESSAGE\n"
        "ns/p    True      False     waiting"
    )


def test_the_parts_that_can_be_asked_for() -> None:
    def names(report: Report) -> list[str]:
        return [*(one.gateway for one in report.gateways), *(one.policy for one in report.policies)]

    assert names(chosen(REPORT, None)) == ["ns/edge", "ns/other", "ns/idle", "ns/p"]
    assert names(chosen(REPORT, "gateway", "edge")) == ["ns/edge"]
    assert names(chosen(REPORT, "gateway", "ns/other")) == ["ns/other"]
    assert names(chosen(REPORT, "policy")) == ["ns/edge", "ns/p"]
    assert names(chosen(REPORT, "policy", "q")) == []


def test_nothing_is_said_of_nothing() -> None:
    assert report_text(Report(leads=True), NOW) == "no gateways and no policies"
