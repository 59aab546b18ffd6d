"""API keys: only digests are kept, and a revoked key is nobody's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from store.book import keys, orgs, plans
from store.book.database import CONFIG_DB, ConfigBook, SqlValue
from store.book.orgs import OrgRow
from store.errors import LimitReached, NotFound
from tests.store.book.cast import NOW_MS


async def test_a_key_leads_to_its_organisation_and_scope(book: ConfigBook, org: OrgRow) -> None:
    key_id, key = await keys.create(book, org.id, "ci", keys.READ, NOW_MS)

    holder = await keys.holder(book, key)

    assert holder is not None
    assert (holder.id, holder.org_id, holder.scope, holder.name) == (key_id, org.id, "read", "ci")


@pytest.mark.parametrize("wrong", ["", "od_", "x" * 10_000, "ü"])
async def test_a_wrong_key_is_nobodys(book: ConfigBook, org: OrgRow, wrong: str) -> None:
    await keys.create(book, org.id, "ci", keys.WRITE, NOW_MS)

    assert await keys.holder(book, wrong) is None


async def test_a_revoked_key_is_nobodys_at_once(book: ConfigBook, org: OrgRow) -> None:
    key_id, key = await keys.create(book, org.id, "ci", keys.WRITE, NOW_MS)

    await keys.revoke(book, key_id, NOW_MS)

    assert await keys.holder(book, key) is None
    with pytest.raises(NotFound):
        await keys.revoke(book, key_id, NOW_MS)


async def test_the_key_itself_is_nowhere_in_the_file(book: ConfigBook, org: OrgRow, tmp_path: Path) -> None:
    _, key = await keys.create(book, org.id, "ci", keys.WRITE, NOW_MS)

    content = (tmp_path / CONFIG_DB).read_bytes()

    assert keys.digest_of(key) in content
    assert key.encode()[11:] not in content


async def test_keys_are_listed_by_what_may_be_shown_of_them(
    book: ConfigBook, org: OrgRow, other_org: OrgRow
) -> None:
    _, ours = await keys.create(book, org.id, "ci", keys.WRITE, NOW_MS)
    _, theirs = await keys.create(book, other_org.id, "cd", keys.WRITE, NOW_MS)

    assert [key.prefix for key in await keys.list_keys(book, org.id)] == [ours[:11]]
    assert [key.prefix for key in await keys.list_keys(book)] == [ours[:11], theirs[:11]]


def test_of_a_key_that_a_person_chose_nearly_nothing_is_shown() -> None:
    assert keys.shown("correct-horse-battery") == "cor…"


def test_a_drawn_key_is_long_printable_and_ends_in_its_checksum() -> None:
    key = keys.draw_key()

    assert key.startswith("od_")
    assert len(key) == 3 + 43 + 6
    assert key != keys.draw_key()
    assert repr(key) == "Secret(***)"


async def test_a_key_whose_checksum_is_wrong_is_refused_without_asking_the_database(
    book: ConfigBook, org: OrgRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = await keys.create(book, org.id, "ci", keys.WRITE, NOW_MS)
    asked: list[str] = []
    ask = book.row

    async def listen(sql: str, parameters: Sequence[SqlValue] = ()) -> object:
        asked.append(sql)
        return await ask(sql, parameters)

    monkeypatch.setattr(book, "row", listen)

    for at in range(3, len(key)):
        other = "a" if key[at] != "a" else "b"
        assert await keys.holder(book, key[:at] + other + key[at + 1 :]) is None
    assert asked == []
    assert await keys.holder(book, key) is not None
    assert len(asked) == 1


@pytest.mark.parametrize("chosen", ["od_chosen-by-a-person", "correct-horse-battery", "x" * 52])
def test_a_key_that_a_person_chose_has_no_checksum(chosen: str) -> None:
    assert keys.is_whole(chosen)


async def test_a_key_comes_with_the_plan_of_its_organisation(book: ConfigBook) -> None:
    free = await orgs.create(book, "free riders", NOW_MS, "free")
    _, key = await keys.create(book, free.id, "ci", keys.WRITE, NOW_MS)

    holder = await keys.holder(book, key)

    assert holder is not None
    assert holder.plan == await plans.by_name(book, "free")


async def test_an_organisation_has_so_many_valid_keys(
    book: ConfigBook, org: OrgRow, other_org: OrgRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MAX_KEYS", 2)
    await keys.create(book, other_org.id, "theirs", keys.WRITE, NOW_MS)
    first, _ = await keys.create(book, org.id, "first", keys.WRITE, NOW_MS)
    await keys.create(book, org.id, "second", keys.WRITE, NOW_MS)

    with pytest.raises(LimitReached, match="at most 2 API keys"):
        await keys.create(book, org.id, "third", keys.WRITE, NOW_MS)

    await keys.revoke(book, first, NOW_MS)
    await keys.create(book, org.id, "third", keys.WRITE, NOW_MS)
