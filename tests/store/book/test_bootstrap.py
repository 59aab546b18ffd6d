"""The first start, every later one, and what an operator may do in between."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from store.book import installation, keys, orgs
from store.book.bootstrap import Prepared, prepare
from store.book.database import CONFIG_DB, ConfigBook
from store.errors import SettingError
from store.settings import Secret
from tests.store.book.cast import NOW_MS, settings_of

CHOSEN, OTHER = "correct-horse-battery", "staple-horse-battery"


async def opens(data: Path, key: str) -> bool:
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        return await keys.holder(book, key) is not None


async def test_the_first_start_makes_everything(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"

    prepared = await prepare(settings_of(data, shards="3"))

    assert prepared.created
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert (data / "admin-key").read_text() == prepared.admin_key + "\n"
    assert stat.S_IMODE((data / "admin-key").stat().st_mode) == 0o600
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        assert (await installation.read(book)).shards == 3
        assert len(await installation.generation(book)) == 32
        assert [org.name for org in await orgs.all_orgs(book)] == ["default"]
        holder = await keys.holder(book, prepared.admin_key)
    assert holder is not None
    assert (holder.is_admin, holder.scope) == (True, "write")


async def test_a_later_start_changes_nothing(tmp_path: Path) -> None:
    first = await prepare(settings_of(tmp_path))
    before = (tmp_path / "admin-key").stat().st_mtime_ns, (tmp_path / CONFIG_DB).stat().st_mtime_ns

    second = await prepare(settings_of(tmp_path))

    assert second == Prepared(first.admin_key, created=False)
    assert ((tmp_path / "admin-key").stat().st_mtime_ns, (tmp_path / CONFIG_DB).stat().st_mtime_ns) == before


async def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    await prepare(settings_of(tmp_path))

    assert sorted(file.name for file in tmp_path.iterdir()) == ["admin-key", "config.db", "notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


async def test_starts_at_the_same_moment_agree_on_the_key(tmp_path: Path) -> None:
    prepared = await asyncio.gather(*(prepare(settings_of(tmp_path)) for _ in range(4)))

    assert len({one.admin_key for one in prepared}) == 1
    assert sum(one.created for one in prepared) == 1
    assert await opens(tmp_path, prepared[0].admin_key)


async def test_another_number_of_shards_is_refused(tmp_path: Path) -> None:
    await prepare(settings_of(tmp_path, shards="2"))

    with pytest.raises(SettingError, match="OVERDUE_SHARDS: this installation was made with 2"):
        await prepare(settings_of(tmp_path, shards="3"))


async def test_a_key_that_is_set_revokes_the_generated_one(tmp_path: Path) -> None:
    generated = await prepare(settings_of(tmp_path))

    prepared = await prepare(settings_of(tmp_path, admin_key=CHOSEN))

    assert prepared == Prepared(Secret(CHOSEN), created=False)
    assert (tmp_path / "admin-key").read_text() == CHOSEN + "\n"
    assert await opens(tmp_path, CHOSEN)
    assert not await opens(tmp_path, generated.admin_key)


async def test_setting_another_key_revokes_the_former_and_going_back_works(tmp_path: Path) -> None:
    await prepare(settings_of(tmp_path, admin_key=CHOSEN))
    await prepare(settings_of(tmp_path, admin_key=OTHER))
    assert not await opens(tmp_path, CHOSEN)

    await prepare(settings_of(tmp_path, admin_key=CHOSEN))

    assert await opens(tmp_path, CHOSEN)
    assert not await opens(tmp_path, OTHER)


async def test_a_key_that_is_no_longer_set_stays_valid(tmp_path: Path) -> None:
    await prepare(settings_of(tmp_path, admin_key=CHOSEN))

    assert await prepare(settings_of(tmp_path)) == Prepared(Secret(CHOSEN), created=False)


@pytest.mark.parametrize("content", [None, "", "somebody wrote into it\n", "\udcff"])
async def test_a_lost_key_is_replaced_and_the_old_one_revoked(tmp_path: Path, content: str | None) -> None:
    lost = await prepare(settings_of(tmp_path))
    (tmp_path / "admin-key").unlink()
    if content is not None:
        (tmp_path / "admin-key").write_bytes(content.encode(errors="surrogateescape"))

    prepared = await prepare(settings_of(tmp_path))

    assert prepared.created
    assert prepared.admin_key != lost.admin_key
    assert (tmp_path / "admin-key").read_text() == prepared.admin_key + "\n"
    assert await opens(tmp_path, prepared.admin_key)
    assert not await opens(tmp_path, lost.admin_key)


async def test_a_lost_file_is_written_again_from_the_setting(tmp_path: Path) -> None:
    await prepare(settings_of(tmp_path, admin_key=CHOSEN))
    (tmp_path / "admin-key").unlink()

    assert not (await prepare(settings_of(tmp_path, admin_key=CHOSEN))).created
    assert (tmp_path / "admin-key").read_text() == CHOSEN + "\n"


async def test_a_key_file_that_others_can_read_is_closed(tmp_path: Path) -> None:
    first = await prepare(settings_of(tmp_path))
    (tmp_path / "admin-key").chmod(0o644)
    (tmp_path / ".admin-key.draft").write_text("left by a crash")

    assert (await prepare(settings_of(tmp_path))).admin_key == first.admin_key
    assert stat.S_IMODE((tmp_path / "admin-key").stat().st_mode) == 0o600
    assert not (tmp_path / ".admin-key.draft").exists()


async def test_a_key_that_is_somebodys_already_is_refused(tmp_path: Path) -> None:
    first = await prepare(settings_of(tmp_path))
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        other = await orgs.create(book, "theirs", NOW_MS)
        _, key = await keys.create(book, other.id, "ci", keys.READ, NOW_MS)

    with pytest.raises(SettingError, match="OVERDUE_ADMIN_KEY: this is already the API key"):
        await prepare(settings_of(tmp_path, admin_key=key))

    assert await opens(tmp_path, first.admin_key)


async def test_a_folder_that_cannot_be_made_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingError, match="OVERDUE_DATA: the folder"):
        await prepare(settings_of(tmp_path / "file" / "data"))


async def test_a_rebuild_may_name_a_new_generation(tmp_path: Path) -> None:
    await prepare(settings_of(tmp_path))
    async with await ConfigBook.open(tmp_path / CONFIG_DB) as book:
        await installation.set_generation(book, "f" * 32)

        assert await installation.generation(book) == "f" * 32


async def test_a_key_of_ours_that_was_not_copied_whole_is_refused(tmp_path: Path) -> None:
    key = keys.draw_key()

    with pytest.raises(SettingError, match="OVERDUE_ADMIN_KEY: this key was not copied whole"):
        await prepare(settings_of(tmp_path, admin_key=key[:-1] + ("a" if key[-1] != "a" else "b")))

    assert (await prepare(settings_of(tmp_path, admin_key=key))).admin_key == key
