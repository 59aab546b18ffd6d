"""The documentation says what the code does: its tables are held against their source both ways, its examples tried."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from prometheus_client.metrics import MetricWrapperBase
from starlette.routing import Route

import store.metrics
from ingest.api.api_keys import CreatedKeyReply, KeyReply
from ingest.api.channel_replies import (
    AppriseReply,
    EmailReply,
    SecretReply,
    ToldReply,
    TrialReply,
    WebhookReply,
)
from ingest.api.deliveries import AttemptReply, DeliveryLogReply, DeliveryReply
from ingest.api.endpoint import Endpoint
from ingest.api.heartbeats import CreateHeartbeat, HeartbeatReply
from ingest.api.history import IncidentReply, PingReply
from ingest.api.maintenance import TimesReply, WindowReply
from ingest.api.monitors import CreateMonitor, MonitorReply
from ingest.api.organisation import OrganisationReply, PlanReply
from ingest.api.prometheus import FAMILIES
from ingest.api.uptime import PeriodReply, UptimeReply
from ingest.api.window_bodies import CreateWindow
from ingest.app import routes
from ingest.batch_endpoint import BatchEndpoint
from ingest.doors import DOORS
from ingest.doors.door import WRONG_METHOD
from ingest.endpoint import DoorEndpoint
from ingest.intake import Intake
from overdue.command import COMMANDS
from store.book.database import ConfigBook
from store.book.plans import all_plans
from store.last_ping import LastPing, Noted, tail_of
from store.live import key_table, keys
from store.live.packing import Event, EventKind
from store.live.scripts import names
from store.messages.channel import FailingData
from store.messages.collected import CollectedData, TagCounted
from store.messages.message import MonitorTold, notice_of
from store.metrics import CountedInRedis
from store.settings import TABLE
from sweeper.channels.signature import sign

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
SCRIPTS = ROOT / "store" / "live" / "scripts"

# Not settings: where `serve` tells its parts something, and names that examples make up.
NOT_SETTINGS = {"OVERDUE_PING_URL"}
# What a shell has, and what whoever has a Redis of their own has set.
SET_BY_THE_READER = {"PWD", "PATH", "OVERDUE_REDIS_URL"}


def rows(page: Path, heading: str) -> list[tuple[str, ...]]:
    """The rows of the table whose first line is `heading`."""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    assert heading in lines, f"{page.name} has no table that begins with {heading}"
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append(tuple(cell.strip() for cell in line.strip("|").split(" | ")))
    return found


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in a document, the outermost first."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from objects(one)


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "settings.md"], ids=lambda page: str(page.name))
def test_the_settings_are_shown_as_they_are(page: Path) -> None:
    shown = rows(page, "| variable | default | meaning |")
    assert shown == [(f"`{one.variable}`", one.shown_default, one.meaning) for one in TABLE]


def test_every_variable_that_a_page_names_is_a_setting() -> None:
    known = {one.variable for one in TABLE} | NOT_SETTINGS
    for page in PAGES:
        named = set(re.findall(r"\bOVERDUE_[A-Z_]+", page.read_text(encoding="utf-8")))
        assert named <= known, page.name


def metrics() -> Iterator[tuple[str, str, str, str]]:
    """The metrics as the table shows them."""
    for metric in vars(store.metrics).values():
        if isinstance(metric, CountedInRedis):
            yield f"`{metric.name}_total`", "counter", "", metric.meaning
        if isinstance(metric, MetricWrapperBase):
            family = next(iter(metric.describe()))
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            yield f"`{name}`", family.type, labels, family.documentation


def test_the_metrics_are_shown_as_they_are() -> None:
    assert rows(DOCS / "metrics.md", "| metric | type | labels | meaning |") == list(metrics())


def test_the_series_of_the_export_are_shown_as_they_are() -> None:
    shown = rows(DOCS / "plans-and-keys.md", "| series | labels | what it is |")
    told = [
        (f"`{name}`", ", ".join(f"`{label}`" for label in labels), meaning)
        for name, meaning, labels in FAMILIES
    ]
    assert shown == told


async def test_the_plans_are_shown_as_they_are_seeded(tmp_path: Path) -> None:
    heading = "| plan | shortest interval | pings a minute | monitors | days of history | changes a minute and key |"
    async with await ConfigBook.open(tmp_path / "config.db") as book:
        seeded = await all_plans(book)
    assert rows(DOCS / "plans-and-keys.md", heading) == [
        (
            f"`{plan.name}`",
            f"{plan.least_interval_s} s",
            str(plan.pings_per_minute or "any number"),
            str(plan.monitors or "any number"),
            str(plan.history_days or "all that is kept"),
            str(plan.writes_per_minute or "any number"),
        )
        for plan in seeded
    ]


def test_every_metric_that_a_page_names_exists() -> None:
    known = {name.strip("`") for name, _, _, _ in metrics()} | {name for name, _, _ in FAMILIES}
    for page in PAGES:
        for named in re.findall(r"\boverdue_[a-z_]+", page.read_text(encoding="utf-8")):
            assert named in known or re.sub(r"_(bucket|sum|count)$", "", named) in known, (
                f"{named} in {page.name}"
            )


def test_the_keys_are_shown_as_they_are() -> None:
    shown = rows(DOCS / "keyspace.md", "| key | type | written by | life | holds |")
    assert shown == [(f"`{one.name}`", one.type, one.writer, one.life, one.holds) for one in key_table.TABLE]


def test_every_key_that_is_spelled_has_its_row() -> None:
    spelled = {name for name, member in vars(keys.Keyspace).items() if isinstance(member, property)}
    listed = {one.name for one in key_table.TABLE}
    assert listed == spelled | {"keys:<bucket>", "part:<name>"}


def test_the_scripts_are_shown_with_the_first_line_of_their_contract() -> None:
    purposes = []
    for name in names():
        line = (SCRIPTS / f"{name}.lua").read_text(encoding="utf-8").splitlines()[1]
        purpose = line.removeprefix(f"-- {name}: ")
        assert purpose != line, f"{name}.lua does not open with its contract"
        purposes.append((f"`{name}`", purpose[0].upper() + purpose[1:]))
    assert rows(DOCS / "keyspace.md", "| script | purpose |") == purposes


def answered() -> Iterator[tuple[str, str]]:
    """Every method and path that ingest answers; HEAD only where it is more than a GET without its body."""
    doors = [DoorEndpoint(door, number, cast(Intake, None)) for number, door in enumerate(DOORS)]
    for route in routes(doors, BatchEndpoint(cast(Intake, None), len(doors))):
        for method in methods_of(route):
            yield method, route.path


def methods_of(route: Route) -> set[str]:
    if isinstance(route.endpoint, DoorEndpoint):
        return set(dict(WRONG_METHOD.start["headers"])[b"allow"].decode().split(", "))
    if isinstance(route.endpoint, Endpoint):
        return set(route.endpoint.handlers)
    return set(route.methods or ()) - {"HEAD"}


def test_the_routes_are_shown_as_they_are() -> None:
    shown = [
        (method, path.strip("`"))
        for document in ("api.md", "dashboard.md")
        for methods, path, _ in rows(DOCS / document, "| methods | path | what it does |")
        for method in re.findall(r"`(\w+)`", methods)
    ]
    assert sorted(shown) == sorted(answered())


def test_every_json_example_can_be_read() -> None:
    for page in PAGES:
        for block in blocks(page, "json"):
            json.loads(block)


@pytest.mark.parametrize(
    "reply",
    [
        HeartbeatReply,
        MonitorReply,
        PingReply,
        IncidentReply,
        WebhookReply,
        SecretReply,
        EmailReply,
        AppriseReply,
        ToldReply,
        TrialReply,
        CollectedData,
        TagCounted,
        FailingData,
        MonitorTold,
        KeyReply,
        CreatedKeyReply,
        OrganisationReply,
        PlanReply,
        UptimeReply,
        PeriodReply,
        WindowReply,
        TimesReply,
        DeliveryReply,
        DeliveryLogReply,
        AttemptReply,
    ],
    ids=lambda reply: str(reply.__name__),
)
def test_every_reply_is_shown_with_all_of_its_fields(reply: type[msgspec.Struct]) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(reply)}
    if reply.__struct_config__.tag_field is not None:
        fields.add(reply.__struct_config__.tag_field)
    examples = [json.loads(block) for page in PAGES for block in blocks(page, "json")]
    shown = [set(one) for example in examples for one in objects(example)]
    assert fields in shown


@pytest.mark.parametrize(
    ("path", "body"),
    [("monitors", CreateMonitor), ("v1/heartbeats", CreateHeartbeat), ("maintenance", CreateWindow)],
)
def test_the_bodies_that_make_things_are_accepted(path: str, body: type[msgspec.Struct]) -> None:
    pattern = rf"^curl \"\$OVERDUE/api/{path}\" -H \"\$KEY\" -d '(.*)'$"
    found = re.findall(pattern, (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    for text in found:
        msgspec.json.decode(text, type=body)


def shown_webhook() -> dict[str, Any]:
    documents = map(json.loads, blocks(DOCS / "api.md", "json"))
    return next(one for one in documents if one.get("type") == "monitor.down" and "data" in one)


def milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def last_ping_of(told: dict[str, Any]) -> LastPing:
    message, is_cut = tail_of(told["message"].encode())
    at_ms = milliseconds(told["at"])
    return LastPing(at_ms, told["from"], told["userAgent"], message=message, is_cut=is_cut)


def test_the_webhook_that_is_shown_is_what_would_be_sent() -> None:
    shown = shown_webhook()
    monitor, started_ms = shown["data"]["monitor"], milliseconds(shown["timestamp"])
    event = Event(
        kind=EventKind.DOWN,
        at_ms=started_ms,
        silence_ms=milliseconds(monitor["lastPingAt"]),
        started_ms=started_ms,
        seen_ms=milliseconds(monitor["lastPingAt"]),
        monitor_id=1,
        org_id=1,
        interval_s=monitor["interval"],
        grace_s=monitor["gracePeriod"],
        public_id=UUID(monitor["id"]),
        name=monitor["name"],
    )
    assert json.loads(notice_of(event, Noted(last_ping_of(shown["data"]["lastPing"]))).body) == shown


def test_the_check_of_a_signature_that_is_shown_tells_ours_from_others() -> None:
    (code,) = blocks(DOCS / "api.md", "python")
    names: dict[str, Any] = {}
    exec(code, names)
    secret, body, now_s = "whsec_c2l4dGVlbiBieXRlcyBvcg==", b'{"type":"monitor.down"}', int(time.time())
    headers = {"webhook-id": "m1", "webhook-timestamp": str(now_s)}
    headers["webhook-signature"] = sign(secret, "m1", now_s, body)
    assert names["is_ours"](secret, headers, body)
    assert not names["is_ours"](secret, headers, body + b" ")
    old = {"webhook-id": "m1", "webhook-timestamp": str(now_s - 3600)}
    old["webhook-signature"] = sign(secret, "m1", now_s - 3600, body)
    assert not names["is_ours"](secret, old, body)


def test_every_python_example_is_python() -> None:
    for page in PAGES:
        for number, block in enumerate(blocks(page, "python")):
            compile(block, f"{page.name}, example {number}", "exec")


def test_every_link_leads_somewhere() -> None:
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            if target.startswith("https://"):
                continue
            file, _, section = target.partition("#")
            linked = page.parent / file if file else page
            assert linked.exists(), f"{target} in {page.name}"
            assert not section or section in sections(linked), f"{target} in {page.name}"


def sections(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        named = set(
            re.findall(r"(?:^|`|=\S* )make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        )
        assert named <= targets, page.name


def test_every_command_that_a_page_names_exists() -> None:
    for page in PAGES:
        named = set(
            re.findall(r"(?:^|`|/bin/)overdue ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        )
        assert named <= set(COMMANDS), page.name


def test_the_readme_names_the_test_command() -> None:
    assert re.search(r"^make test +#", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_changes_of_this_version_are_told() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    told = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert told[0] == version


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_variable_that_an_example_uses_is_set_before_or_has_a_default(page: Path) -> None:
    known = SET_BY_THE_READER.copy()
    for line in page.read_text(encoding="utf-8").splitlines():
        known |= set(re.findall(r"\b([A-Z_]+)=", line)) | set(re.findall(r"`\$([A-Z_]+)` is", line))
        assert set(re.findall(r'"\$\{?([A-Z_]+)\b(?!:-)', line)) <= known, line
