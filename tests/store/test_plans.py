"""Plans as `overdue.toml` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import SettingError
from store.plans import Plan, PlanChange
from store.settings import read_settings


def plans_in(folder: Path, text: str) -> tuple[PlanChange, ...]:
    file = folder / "overdue.toml"
    file.write_text(text, encoding="utf-8")
    return read_settings({}, file).plans


def test_without_a_table_no_plan_is_changed(tmp_path: Path) -> None:
    assert plans_in(tmp_path, "port = 9000\n") == ()


def test_each_table_is_a_plan_with_the_limits_that_it_names(tmp_path: Path) -> None:
    text = """
port = 9000
[plans.pro]
min_interval = 5
pings_per_minute = 0
[plans.team-blue]
monitors = 50
history_days = 90
writes_per_minute = 10
[plans.empty]
"""
    assert plans_in(tmp_path, text) == (
        PlanChange("pro", {"min_interval_s": 5, "pings_per_minute": 0}),
        PlanChange("team-blue", {"monitors": 50, "history_days": 90, "writes_per_minute": 10}),
        PlanChange("empty", {}),
    )


@pytest.mark.parametrize(
    ("text", "named", "sentence"),
    [
        ("plans = 3", "plans in", r"\[plans.pro\]"),
        ("plans.pro = 3", "plans.pro in", r"\[plans.pro\]"),
        ("[plans.Pro]", "plans.Pro in", "lower-case"),
        ('[plans." "]', "plans.  in", "lower-case"),
        (f"[plans.{'x' * 41}]", "plans.xxx", "1 to 40"),
        ("[plans.pro]\nmin = 3", "plans.pro.min in", "there is no such limit; a plan has min_interval"),
        ('[plans.pro]\nmin_interval = "10s"', "plans.pro.min_interval in", "whole number"),
        ("[plans.pro]\nmin_interval = 1.5", "plans.pro.min_interval in", "whole number"),
        ("[plans.pro]\nmin_interval = true", "plans.pro.min_interval in", "whole number"),
        ("[plans.pro]\nmin_interval = -1", "plans.pro.min_interval in", "from 0"),
        ("[plans.pro]\nmin_interval = 31622401", "plans.pro.min_interval in", "to 31622400"),
        ("[plans.pro]\npings_per_minute = 1000000001", "plans.pro.pings_per_minute in", "to 1000000000"),
        ("[plans.pro]\nhistory_days = 3661", "plans.pro.history_days in", "to 3660"),
        ("[plan.pro]\nmin_interval = 3", "plan in", "text or a whole number"),
    ],
)
def test_what_cannot_be_a_plan_is_named(tmp_path: Path, text: str, named: str, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence) as refusal:
        plans_in(tmp_path, text)

    assert str(refusal.value).startswith(named)
    assert "overdue.toml" in str(refusal.value)


def test_the_shortest_interval_is_a_second_also_without_a_limit() -> None:
    plan = Plan(
        name="p", min_interval_s=0, pings_per_minute=0, monitors=0, history_days=0, writes_per_minute=0
    )

    assert plan.least_interval_s == 1
    assert plan.history_since_ms(10**13) == 0
