"""Alerts that are shipped stand on metrics that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from kuadrant.api.limitador import Limit
from kuadrant.ratelimit import RateLimitService

FOLDER = Path(__file__).parents[3] / "config/monitoring"


def rules() -> list[dict[str, Any]]:
    (document,) = yaml.safe_load_all((FOLDER / "prometheus_rule.yaml").read_text())
    assert (document["apiVersion"], document["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    return [rule for group in document["spec"]["groups"] for rule in group["rules"]]


def test_every_metric_and_label_of_an_alert_is_one_of_the_service() -> None:
    shadow = Limit(namespace="ns/route", max_value=1, seconds=10, name="some", mode="Shadow")
    told = RateLimitService([shadow]).metrics().decode()
    assert 'kuadrant_ratelimit_shadow_limit{limit_name="some",limitador_namespace="ns/route"} 1.0' in told
    for rule in rules():
        for metric in re.findall(r"kuadrant_\w+", rule["expr"]):
            assert f"# TYPE {metric} gauge" in told
        labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert labels <= {"limit_name", "limitador_namespace"}


def test_a_shadow_is_forgotten_after_two_weeks() -> None:
    (rule,) = rules()
    hours = 14 * 24
    window = re.search(r"\[14d:1h\]\) >= (\d+)", rule["expr"])
    assert window is not None
    assert int(window[1]) == int(0.9 * hours)


def test_the_folder_has_what_it_names() -> None:
    named = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert sorted(named) == sorted({one.name for one in FOLDER.iterdir()} - {"kustomization.yaml"})
