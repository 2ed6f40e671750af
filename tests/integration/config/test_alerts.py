"""The alerts that are shipped, as Prometheus' own engine raises them of series through time."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from lab import programs
from scripts.installation import CONFIG

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 24 * HOUR

(DOCUMENT,) = yaml.safe_load_all((CONFIG / "monitoring" / "prometheus_rule.yaml").read_text())
RULES: Final = [rule for group in DOCUMENT["spec"]["groups"] for rule in group["rules"]]


def firing(load: str, at: Sequence[int], every: int = MINUTE, alert: str = "") -> list[list[str]]:
    """Return the alerts that fire at each of these seconds, each with what it is about.

    Args:
        load: series in Prometheus' notation: a name, labels and values, of which `1x3` is three more of 1.
        at: the seconds.
        every: how often rules are looked at; series have a value as often.
        alert: looks at this one alone.
    """
    rules = [rule for rule in RULES if alert in ("", rule["alert"])]
    lines = "\n".join(f"  {line.strip()}" for line in load.strip().splitlines())
    given = {"rules": rules, "load": f"load {every}s\n{lines}\n", "every": every, "at": [*at]}
    told = subprocess.run(
        [str(programs.path_of("prometheus-alerts"))],
        input=json.dumps(given, default=str),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return [[_named(one) for one in moment] for moment in json.loads(told.stdout)]


def _named(labels: dict[str, Any]) -> str:
    about = [text for name, text in sorted(labels.items()) if name not in ("alertname", "severity")]
    return " ".join([labels["alertname"], *about])


LEADER: Final = 'leader_election_master_status{name="f139389e.kuadrant.io"} 1x100000'
OTHER: Final = LEADER.replace("{", '{pod="other",').replace(" 1x", " 0x")
SHADOW: Final = 'kuadrant_ratelimit_shadow_limit{limitador_namespace="shop/toys",limit_name="new",pod="a"}'
FORGOTTEN: Final = "KuadrantShadowLimitForgotten"
OF_IT: Final = f"{FORGOTTEN} new shop/toys"


def test_every_expression_is_one_to_prometheus_and_a_quiet_installation_raises_nothing() -> None:
    assert firing(LEADER, [HOUR, 2 * HOUR]) == [[], []]


def test_a_limit_is_forgotten_in_shadow_after_two_weeks_and_not_before() -> None:
    assert firing(f"{SHADOW} 1x400", [12 * DAY, 14 * DAY], HOUR, FORGOTTEN) == [[], [OF_IT]]


def test_a_service_that_was_away_for_a_day_begins_nothing_anew_and_one_that_was_for_three_does() -> None:
    away = "{0} 1x149 _x{1} 1x300".format
    assert firing(away(SHADOW, 24), [14 * DAY], HOUR, FORGOTTEN) == [[OF_IT]]
    assert firing(away(SHADOW, 72), [14 * DAY], HOUR, FORGOTTEN) == [[]]


def test_pods_that_take_turns_are_one_limit() -> None:
    other = SHADOW.replace('"a"', '"b"')
    pods = f"{SHADOW} 1x167 _x400\n{other} _x168 1x400"
    assert firing(pods, [14 * DAY], HOUR, FORGOTTEN) == [[OF_IT]]


def test_a_limit_that_is_enforced_by_now_is_not_forgotten() -> None:
    assert firing(f"{SHADOW} 1x330 _x400", [14 * DAY], HOUR, FORGOTTEN) == [[]]


def test_a_policy_that_is_not_enforced_is_told_after_five_minutes_and_one_that_is_overridden_never() -> None:
    series = "kuadrant_policy_condition{{kind='RateLimitPolicy',namespace='shop',name='{}',type='Enforced',"
    not_yet = f"{series.format('a')}status='False',reason='Unknown'}} 1x20"
    over = f"{series.format('b')}status='False',reason='Overridden'}} 1x20"
    well = f"{series.format('c')}status='True',reason='Enforced'}} 1x20"
    told = firing(f"{LEADER}\n{not_yet}\n{over}\n{well}", [4 * MINUTE, 6 * MINUTE])
    assert told == [[], ["KuadrantPolicyNotEnforced RateLimitPolicy a shop"]]


def test_a_policy_that_gets_enforced_in_between_begins_anew() -> None:
    series = "kuadrant_policy_condition{kind='RateLimitPolicy',namespace='shop',name='a',type='Enforced',"
    unknown = f"{series}status='False',reason='Unknown'}} 1x3 stale 1x20"
    moods = f"{unknown}\n{series}status='True',reason='Enforced'}} _x3 1 stale"
    assert firing(f"{LEADER}\n{moods}", [7 * MINUTE], alert="KuadrantPolicyNotEnforced") == [[]]


@pytest.mark.parametrize(
    ("series", "told"),
    [
        (LEADER, []),
        (LEADER.replace(" 1x", " 0x"), ["KuadrantOperatorWithoutLeader"]),
        ("up 1x100", ["KuadrantOperatorWithoutLeader f139389e.kuadrant.io"]),
        (f"{LEADER}\n{OTHER}", []),
    ],
    ids=["one leads", "none leads", "none tells", "another one does not lead"],
)
def test_an_operator_without_a_leader_is_told_also_where_none_is_scraped(
    series: str, told: list[str]
) -> None:
    assert firing(series, [10 * MINUTE], alert="KuadrantOperatorWithoutLeader") == [told]


@pytest.mark.parametrize(
    ("errors", "decisions", "fires"),
    [
        ("0+1x30", "0+2000x30", False),
        ("0+3x30", "0+2000x30", True),
        ("0+1x30", "0x30", True),
        ("0x30", "0x30", False),
    ],
    ids=["one in 2,000", "three in 2,000", "nothing but errors", "no calls"],
)
def test_errors_of_the_service_are_told_by_their_share(errors: str, decisions: str, *, fires: bool) -> None:
    series = (
        f"kuadrant_ratelimit_errors_total{{code='UNAVAILABLE'}} {errors}\n"
        f"kuadrant_ratelimit_decision_seconds_count {decisions}"
    )
    told = firing(series, [15 * MINUTE], alert="KuadrantRateLimitErrors")
    assert told == [["KuadrantRateLimitErrors"] if fires else []]


def test_the_end_of_a_certificate_is_told_two_weeks_before_and_not_where_there_is_none() -> None:
    name = "kuadrant_push_certificate_expiry_timestamp_seconds"
    ends = 30 * DAY
    alert = "KuadrantPushCertificateEnds"
    assert firing(f"{name} {ends}x800", [15 * DAY, 17 * DAY], HOUR, alert) == [[], [alert]]
    assert firing(f"{name} 0x800", [17 * DAY], HOUR, alert) == [[]]
