"""What Prometheus and Grafana are given: promtool takes it, alerts fire when they should, every metric exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.test_docs import DOCS, rows

BOOK = DOCS / "operating"
ALERTS = BOOK / "alerts.yml"
ALERT_TESTS = Path(__file__).with_name("alerts_tests.yml")
DASHBOARD: dict[str, Any] = json.loads((BOOK / "grafana-dashboard.json").read_text(encoding="utf-8"))
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)"
)
# Grafana fills these in before it asks.
FILLED_IN = {"$__rate_interval": "1m", "$job": "overdue", "$instance": ".*"}
PROMETHEUS_OWN = {"up", "ALERTS"}


def promtool(*words: str | Path) -> str:
    done = subprocess.run([str(PROMTOOL), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def known_metrics() -> set[str]:
    names = set()
    for cell, kind, _, _ in rows(DOCS / "metrics.md", "| metric | type | labels | meaning |"):
        name = cell.strip("`")
        names |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


@needs_promtool
def test_promtool_takes_the_configuration_and_the_rules(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(BOOK / name, tmp_path)
    (tmp_path / "overdue-read-key").write_text("a key\n")

    said = promtool("check", "config", tmp_path / "prometheus.yml")
    assert f"{len(alerts())} rules found" in said


@needs_promtool
def test_every_alert_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", ALERT_TESTS)


def test_every_alert_is_tried_both_ways() -> None:
    tried = re.findall(r"- name: (\w+) (fires|stays quiet)", ALERT_TESTS.read_text(encoding="utf-8"))
    expected = re.findall(r"alertname: (\w+)\n +exp_alerts:( \[\])?", ALERT_TESTS.read_text(encoding="utf-8"))

    assert tried == [(name, way) for name in alerts() for way in ("fires", "stays quiet")]
    assert expected == [(name, way) for name in alerts() for way in ("", " []")]


def test_every_alert_is_explained() -> None:
    table = rows(BOOK / "monitoring.md", "| alert | how bad | what it means | what to do |")
    explained = [name.strip("`") for name, _, _, _ in table]
    assert explained == alerts()


@needs_promtool
def test_promtool_takes_every_question_of_the_dashboard(tmp_path: Path) -> None:
    rules = {"groups": [{"name": "dashboard", "rules": []}]}
    for number, asked in enumerate(expressions()):
        for name, value in FILLED_IN.items():
            asked = asked.replace(name, value)
        rules["groups"][0]["rules"].append({"record": f"panel:{number}", "expr": asked})  # type: ignore[attr-defined]
    (tmp_path / "rules.yml").write_text(json.dumps(rules))  # JSON is YAML too

    assert f"{len(expressions())} rules found" in promtool("check", "rules", tmp_path / "rules.yml")


@pytest.mark.parametrize(
    "text", [ALERTS.read_text("utf-8"), "\n".join(expressions())], ids=["alerts", "dashboard"]
)
def test_every_metric_that_is_asked_for_exists(text: str) -> None:
    asked = set(re.findall(r"\boverdue_\w+", text))
    assert asked
    assert asked <= known_metrics()


def test_the_dashboard_is_one_that_grafana_can_lay_out() -> None:
    everything = DASHBOARD["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells


def test_every_panel_asks_the_data_source_that_is_chosen_and_says_what_it_shows() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels():
        assert panel["datasource"] == chosen
        assert all(target["datasource"] == chosen for target in panel["targets"])
        assert panel["title"] and panel["description"].endswith((".", ";"))
