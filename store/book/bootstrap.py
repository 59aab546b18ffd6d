"""The first start, and every later one: the data folder, config.db, the first organisation and its admin key."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from store.book import installation, keys, orgs, plans, session_secret
from store.book.admin_key import keep_key_file, read_key_file
from store.book.database import CONFIG_DB, ConfigBook, Transaction
from store.clock import wall_ms
from store.errors import NotFound, SettingError
from store.plans import UNLIMITED
from store.settings import Secret, Settings

# The admin key that is valid now, if there is one.
VALID_ADMIN_KEY = "SELECT digest FROM api_keys WHERE is_admin AND revoked_ms IS NULL"

# Whatever we know of a key, valid or not.
KNOWN_KEY = "SELECT id, is_admin FROM api_keys WHERE digest = ?"

REVOKE_ADMIN_KEYS = "UPDATE api_keys SET revoked_ms = ? WHERE is_admin AND revoked_ms IS NULL"

REVIVE = "UPDATE api_keys SET revoked_ms = NULL WHERE id = ?"


class Prepared(msgspec.Struct, frozen=True):
    """What a start found or made. `created` says that this start drew the key, so that it is printed once."""

    admin_key: Secret
    created: bool


async def prepare(settings: Settings) -> Prepared:
    """Make what is missing; do nothing to what is there.

    1. The data folder, for its owner alone.
    2. config.db, migrated.
    3. In one transaction: the installation's row, the plans as `overdue.toml` has them, the first organisation with its
    plan, its admin key, the file with that key.

    The file is written before the commit. Two starts at once therefore agree, and a crash between the two leaves a
    file whose key the database does not know, which the next start replaces.

    Raises:
        SettingError: the folder or the database cannot be used, or a setting contradicts it.
        Unavailable: the database is locked.
    """
    _make_folder(settings.data)
    now_ms = wall_ms()
    async with await ConfigBook.open(settings.data / CONFIG_DB) as book, book.write() as tx:
        await _note_installation(tx, settings.shards, now_ms)
        for change in settings.plans:
            await plans.change(tx, change, now_ms)
        org_id = await _first_org(tx, settings.plan, now_ms)
        admin_key, created = await _admin_key(tx, org_id, settings, now_ms)
        keep_key_file(settings.data, admin_key)
    return Prepared(admin_key, created)


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError("OVERDUE_DATA", f"the folder {data} cannot be made: {error.strerror}") from error


async def _note_installation(tx: Transaction, shards: int, now_ms: int) -> None:
    await installation.insert(tx, shards, now_ms)
    await session_secret.insert(tx)
    known = await installation.read(tx)
    if known.shards != shards:
        raise SettingError(
            "OVERDUE_SHARDS",
            f"this installation was made with {known.shards}, which cannot change; set it back",
        )


async def _first_org(tx: Transaction, plan: str, now_ms: int) -> int:
    """The organisation that the installation begins with; a plan that is set is its plan from now on."""
    if plan:
        try:
            await plans.by_name(tx, plan)
        except NotFound as error:
            raise SettingError("OVERDUE_PLAN", str(error)) from error
    with contextlib.suppress(NotFound):
        org = await orgs.by_name(tx, orgs.DEFAULT_ORG)
        await orgs.move(tx, org, plan or org.plan, now_ms)
        return org.id
    return (await orgs.insert(tx, orgs.DEFAULT_ORG, now_ms, plan or UNLIMITED)).id


async def _admin_key(tx: Transaction, org_id: int, settings: Settings, now_ms: int) -> tuple[Secret, bool]:
    """The key that is valid from now on, and whether it was drawn just now.

    Only its digest is in the database: without the setting and without the file nobody knows the key any more, so a
    new one takes its place.
    """
    if not keys.is_whole(settings.admin_key):
        raise SettingError("OVERDUE_ADMIN_KEY", "this key was not copied whole: its checksum is wrong")
    key = settings.admin_key or read_key_file(settings.data)
    valid = await tx.row(VALID_ADMIN_KEY)
    if key and valid is not None and valid["digest"] == keys.digest_of(key):
        return key, False
    await tx.execute(REVOKE_ADMIN_KEYS, (now_ms,))
    if not settings.admin_key:
        key = keys.draw_key()
    await _enter_admin_key(tx, org_id, key, now_ms)
    return key, not settings.admin_key


async def _enter_admin_key(tx: Transaction, org_id: int, key: Secret, now_ms: int) -> None:
    known = await tx.row(KNOWN_KEY, (keys.digest_of(key),))
    if known is None:
        new = keys.NewKey(org_id=org_id, key=key, name="admin", scope=keys.WRITE, is_admin=True)
        await keys.insert(tx, new, now_ms)
    elif known["is_admin"]:
        await tx.execute(REVIVE, (known["id"],))
    else:
        raise SettingError("OVERDUE_ADMIN_KEY", f"this is already the API key {known['id']}; choose another")
