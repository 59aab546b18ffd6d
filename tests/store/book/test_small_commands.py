"""`overdue keys` and `overdue orgs` on a real config.db."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from overdue.keys import keys as keys_command
from overdue.orgs import orgs as orgs_command
from store.book import keys, outbox
from store.book.bootstrap import prepare
from store.book.database import CONFIG_DB, ConfigBook
from store.book.keys import ApiKeyRow
from store.errors import Conflict, Invalid, NotFound, SettingError
from store.projection import PutPlan
from tests.store.book.cast import settings_of


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder after a first start, named by the environment."""
    monkeypatch.setenv("OVERDUE_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    asyncio.run(prepare(settings_of(tmp_path)))
    return tmp_path


def run(*words: str) -> str:
    """What a command prints; its errors are raised."""
    group = {"keys": keys_command, "orgs": orgs_command}[words[0]]
    return CliRunner().invoke(group, words[1:], catch_exceptions=False).output.strip()


def holder(data: Path, key: str) -> ApiKeyRow | None:
    async def ask() -> ApiKeyRow | None:
        async with await ConfigBook.open(data / CONFIG_DB) as book:
            return await keys.holder(book, key)

    return asyncio.run(ask())


def test_a_key_that_is_created_works_and_is_listed_but_not_shown(data: Path) -> None:
    key = run("keys", "create", "--scope", "read", "--name", "grafana")

    found = holder(data, key)
    assert found is not None
    assert (found.scope, found.name) == ("read", "grafana")
    listed = run("keys", "list").splitlines()
    assert [line.split("\t")[1:3] for line in listed] == [["default", "write"], ["default", "read"]]
    assert listed[1].endswith(f"last used never\t{key[:11]}\tgrafana")
    assert key not in run("keys", "list")


def test_a_key_that_is_revoked_is_useless_and_listed_as_such(data: Path) -> None:
    key = run("keys", "create")
    found = holder(data, key)
    assert found is not None

    run("keys", "revoke", str(found.id))

    assert holder(data, key) is None
    assert "revoked 20" in run("keys", "list").splitlines()[1]
    with pytest.raises(NotFound):
        run("keys", "revoke", str(found.id))


def test_a_new_organisation_is_listed_and_can_have_keys(data: Path) -> None:
    public_id = run("orgs", "create", "Team Blue")

    assert run("orgs", "list").splitlines()[1].startswith(f"{public_id}\tTeam Blue\t20")
    first, second = (
        holder(data, run("keys", "create", "--org", "Team Blue")),
        holder(data, run("keys", "create")),
    )
    assert first is not None
    assert second is not None
    assert first.org_id != second.org_id


def test_what_cannot_be_is_refused_with_a_sentence(data: Path) -> None:
    with pytest.raises(Invalid, match="already an organisation"):
        run("orgs", "create", "default")
    with pytest.raises(Invalid, match="control characters"):
        run("orgs", "create", "a\nb")
    with pytest.raises(NotFound, match="no organisation named 'nowhere'"):
        run("keys", "create", "--org", "nowhere")


def test_before_the_first_start_the_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERDUE_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingError, match="start `overdue serve` once"):
        run("keys", "list")

    assert list(tmp_path.iterdir()) == []


def test_an_organisation_is_made_on_a_plan_and_moved_to_another(data: Path) -> None:
    run("orgs", "create", "acme", "--plan", "free")
    assert run("orgs", "list").splitlines()[1].split("\t")[3:] == ["free", "0 of 20 monitors"]

    assert run("orgs", "plan", "acme", "unlimited") == "acme: free -> unlimited"

    assert run("orgs", "list").splitlines()[1].split("\t")[3:] == ["unlimited", "0 of any number of monitors"]


def test_a_move_is_on_its_way_to_redis_when_the_command_ends(data: Path) -> None:
    async def waiting() -> list[object]:
        async with await ConfigBook.open(data / CONFIG_DB) as book:
            return [row.projection for row in await outbox.pending(book, 10)]

    run("orgs", "plan", "default", "pro")

    assert asyncio.run(waiting()) == [PutPlan(1, 1, 10, 10_000)]


def test_a_plan_or_an_organisation_that_is_not_there_is_refused(data: Path) -> None:
    with pytest.raises(NotFound, match="'gold'; there are free, starter, pro, unlimited"):
        run("orgs", "create", "acme", "--plan", "gold")
    with pytest.raises(NotFound, match="'gold'"):
        run("orgs", "plan", "default", "gold")
    with pytest.raises(NotFound, match="no organisation named 'nowhere'"):
        run("orgs", "plan", "nowhere", "free")


def test_the_plans_are_shown_with_their_limits(data: Path) -> None:
    shown = [line.split("\t") for line in run("orgs", "plans").splitlines()]

    assert shown[0] == [
        "free",
        "every 600 s",
        "60 pings a minute",
        "20 monitors",
        "7 days of history",
        "1000 changes a minute and key",
    ]
    assert shown[-1][:3] == ["unlimited", "every 1 s", "any number of pings a minute"]


def test_keys_can_be_listed_by_organisation(data: Path) -> None:
    run("orgs", "create", "acme")
    run("keys", "create", "--org", "acme", "--name", "ours")

    assert [line.split("\t")[-1] for line in run("keys", "list", "--org", "acme").splitlines()] == ["ours"]
    with pytest.raises(NotFound):
        run("keys", "list", "--org", "nowhere")


def test_the_admin_key_is_not_revoked_and_what_to_do_is_said(data: Path) -> None:
    admin = holder(data, (data / "admin-key").read_text().strip())
    assert admin is not None

    with pytest.raises(Conflict, match="only replaced: set another one in OVERDUE_ADMIN_KEY"):
        run("keys", "revoke", str(admin.id))

    assert holder(data, (data / "admin-key").read_text().strip()) is not None
