"""What the API can set, a file can say: exported and imported elsewhere, everything is as it was."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import tomli_w

from ingest.api.channel_bodies import CreateChannel, PatchChannel
from ingest.api.metric_alerts import CreateMetricAlert, PatchMetricAlert
from ingest.api.monitors import CreateMonitor, PatchMonitor
from overdue.as_file.reading import CHANNELS, MONITORS
from overdue.as_file.shapes import shape_of
from store.plans import Plan
from tests.overdue.as_file.at_hand import FLEET, SECRET, Desk
from tests.test_docs import DOCS, blocks

PLAN = Plan(name="any", min_interval_s=0, pings_per_minute=0, monitors=0, history_days=0, writes_per_minute=0)
COMMON = {"isDefault": False, "burst": {"size": 3, "windowSeconds": 77}}
KINDS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://example.org/x?y=1", "headers": {"x-token": 'a "quoted" \\ one'}, **COMMON},
    "email": {"to": ["a@example.org", "b@example.org"], **COMMON},
    "apprise": {"url": "ntfys://topic-7", **COMMON},
}
MONITOR: dict[str, Any] = {
    "name": "all of it",
    "type": "heartbeat",
    "interval": 77,
    "gracePeriod": 7,
    "tags": ["b", "a"],
    "channels": ["the webhook", "the email"],
    "paused": True,
    "maxRuntime": 600,
    "failuresBeforeAlert": 3,
    "reminderInterval": 3600,
    "armOnFirstPing": True,
}
# In the place of an interval.
SCHEDULED: dict[str, Any] = {
    "name": "at night",
    "schedule": "30 3 * * 1-5",
    "timezone": "Europe/Vilnius",
}
RULE: dict[str, Any] = {
    "metricKey": "queue size",
    "operator": "!=",
    "threshold": "done",
    "channel": "the email",
    "consecutiveTriggers": 7,
}


def fields(*bodies: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for body in bodies for field in msgspec.structs.fields(body)}


def file_of_all() -> dict[str, Any]:
    channels = [
        {"name": f"the {kind}", "type": kind, **values, **({"secret": SECRET} if kind == "webhook" else {})}
        for kind, values in KINDS.items()
    ]
    return {"channels": channels, "monitors": [{**MONITOR, "metricAlerts": [RULE]}, SCHEDULED]}


def without_defaults(table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if (name, value) != ("type", "heartbeat")}


def test_the_samples_have_every_field_that_the_api_can_set() -> None:
    """A field that is added to a body needs a sample here, which the next test carries around."""
    assert set(MONITOR) | set(SCHEDULED) == fields(CreateMonitor, PatchMonitor)
    assert {"channelId" if name == "channel" else name for name in RULE} == fields(
        CreateMetricAlert, PatchMetricAlert
    )
    for body in get_args(CreateChannel):
        kind = str(body.__struct_config__.tag)
        assert set(KINDS[kind]) | {"name"} == fields(body), kind
    assert set().union(*KINDS.values()) | {"name"} == fields(PatchChannel)


@pytest.mark.parametrize(
    ("section", "values"), [(MONITORS, {}), *((CHANNELS, {"type": kind}) for kind in KINDS)]
)
def test_it_is_known_what_is_meant_by_a_field_that_is_left_out(section: str, values: dict[str, Any]) -> None:
    """One of which a body does not tell needs a line in `shapes.py`."""
    shape = shape_of(section, values, PLAN)
    assert shape is not None
    required = {field.encode_name for field in msgspec.structs.fields(shape.create) if field.required}
    assert set(shape.defaults) == shape.creating - required


def test_every_field_survives_a_way_through_a_file_into_another_organisation(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERDUE_SMTP_URL", "smtp://127.0.0.1:1")
    monkeypatch.setenv("OVERDUE_MAIL_FROM", "overdue@example.org")

    desk.brought(tomli_w.dumps(file_of_all()))
    exported = desk.exported("--with-secrets")
    desk.brought(exported, "--org", "other")
    again = desk.exported("--with-secrets", "--org", "other")

    assert again.splitlines()[1:] == exported.splitlines()[1:]
    wanted = file_of_all()
    wanted["monitors"][0] = without_defaults(wanted["monitors"][0])
    assert tomllib.loads(again) == wanted


def test_importing_twice_changes_nothing(desk: Desk) -> None:
    first = desk.brought(FLEET)
    before = desk.everything()

    for text in (FLEET, desk.exported(), desk.exported("--with-secrets")):
        result = desk.bring(text)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Nothing was to be changed.\n")
        assert desk.bring(text, "--dry-run", "--prune").exit_code == 0
    assert len([line for line in first if line.startswith("+ ")]) == 5
    assert desk.everything() == before


def test_a_file_shows_no_secret_unless_it_is_asked_for(desk: Desk) -> None:
    result = desk.bring(FLEET)
    changed = desk.bring(FLEET.replace("Bearer planted", "Bearer planted too"))

    for said in (result.output, changed.output, desk.exported()):
        assert "planted" not in said
        assert SECRET not in said
    shown = desk.exported("--with-secrets")
    assert SECRET in shown
    assert "planted-topic" in shown
    assert "Bearer planted too" in shown


def test_a_file_with_secrets_is_for_its_owner_alone(desk: Desk) -> None:
    desk.brought(FLEET)
    path = desk.folder / "out.toml"
    path.write_text("something else")
    path.chmod(0o644)

    assert desk.run("export", "--with-secrets", "--output", "out.toml").exit_code == 0

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == desk.exported("--with-secrets")
    assert [one.name for one in desk.folder.iterdir() if "unfinished" in one.name] == []


def test_the_file_of_the_settings_is_not_written_over(desk: Desk) -> None:
    (desk.folder / "overdue.toml").write_text("workers = 1\n")
    result = desk.run("export", "--output", "./overdue.toml")
    assert (result.exit_code, "name another file" in result.stderr) == (2, True)
    assert (desk.folder / "overdue.toml").read_text() == "workers = 1\n"


def test_a_file_that_cannot_be_written_is_said_so(desk: Desk) -> None:
    result = desk.run("export", "--output", "nowhere/out.toml")
    assert result.exit_code == 1
    assert "nowhere/out.toml" in result.stderr
    assert not Path("nowhere").exists()


@pytest.mark.parametrize("name", ['"', "\\", "[[monitors]]", "'''", "ünï 🚨", "# no comment", "a = 1", " x "])
def test_a_hostile_name_survives(desk: Desk, name: str) -> None:
    table = {"name": name, "interval": 60, "tags": [name], "channels": [name]}
    channel = {"name": name, "type": "webhook", "url": "https://example.org", "secret": SECRET}
    desk.brought(tomli_w.dumps({"channels": [channel], "monitors": [table]}))

    exported = desk.exported("--with-secrets")

    assert tomllib.loads(exported) == {"channels": [channel], "monitors": [table]}
    assert desk.bring(exported, "--dry-run").exit_code == 0


def test_things_of_the_same_name_are_written_with_their_ids(desk: Desk) -> None:
    for number in (1, 2):
        url = f"https://example.org/{number}"
        desk.brought(f'[[channels]]\nname = "c{number}"\ntype = "webhook"\nurl = "{url}"\n')
    desk.brought('[[monitors]]\nname = "a"\n[[monitors]]\nname = "b"\nchannels = ["c2"]\n')
    ids = dict(desk.rows("SELECT name, public_id FROM monitors UNION SELECT name, public_id FROM channels"))
    desk.brought(f'[[monitors]]\nid = "{ids["b"]}"\nname = "a"\nchannels = ["c2"]\n')
    desk.brought(f'[[channels]]\nid = "{ids["c2"]}"\nname = "c1"\nurl = "https://example.org/2"\n')

    exported = desk.exported()

    tables = tomllib.loads(exported)
    assert [one["id"] for one in tables["monitors"]] == [ids["a"], ids["b"]]
    assert tables["monitors"][1]["channels"] == [ids["c2"]]
    assert desk.bring(exported, "--dry-run", "--prune").exit_code == 0


def test_the_file_that_the_book_shows_can_be_imported(desk: Desk) -> None:
    (shown,) = blocks(DOCS / "as-a-file.md", "toml")

    assert len([line for line in desk.brought(shown) if line.startswith("+")]) == 5
    assert desk.bring(shown, "--dry-run", "--prune").exit_code == 0
