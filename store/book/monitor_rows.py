"""A monitor as its rows in config.db tell of it: the queries that read them, and what is made of a row."""

from __future__ import annotations

from sqlite3 import Row
from uuid import UUID

import msgspec

from store.book.rules_ahead import COLUMNS, read_wishes
from store.monitor import MonitorConfig
from store.projection import key_digest
from store.wishes import Wishes, standing_rules

_SELECT = f"""
SELECT m.id, m.public_id, m.org_id, m.name, m.interval_s, m.grace_s, m.paused, m.version, m.key_epoch,
       m.origin, m.created_ms, m.pause_changed_ms, {COLUMNS}, token.key AS token, short.key AS short_key,
       (SELECT json_group_array(tag) FROM (
            SELECT tag FROM monitor_tags WHERE monitor_id = m.id ORDER BY place)) AS tags,
       (SELECT json_group_array(public_id) FROM (
            SELECT c.public_id FROM monitor_channels AS n JOIN channels AS c ON c.id = n.channel_id
            WHERE n.monitor_id = m.id ORDER BY n.place)) AS channels
FROM monitors AS m
JOIN monitor_keys AS token ON token.monitor_id = m.id AND token.kind = 'token'
LEFT JOIN monitor_keys AS short ON short.monitor_id = m.id AND short.kind = 'short'
"""

# One monitor of an organisation, by its public id.
FIND = _SELECT + "WHERE m.org_id = ? AND m.public_id = ?"

BY_ID = _SELECT + "WHERE m.id = ?"

# A page of an organisation's monitors, oldest first.
PAGE = _SELECT + "WHERE m.org_id = ? AND m.id > ? ORDER BY m.id LIMIT ?"

# The same of those that have a tag.
PAGE_OF_TAG = (
    _SELECT
    + """
JOIN monitor_tags AS wanted ON wanted.monitor_id = m.id
WHERE wanted.org_id = ? AND wanted.tag = ? AND wanted.monitor_id > ? ORDER BY wanted.monitor_id LIMIT ?
"""
)

# A page of all monitors with their keys' digests, as Redis is to hold them.
ALL = f"""
SELECT m.id, m.public_id, m.org_id, m.name, m.interval_s, m.grace_s, m.paused, m.version, m.key_epoch, {COLUMNS},
       token.digest AS token, short.digest AS short
FROM monitors AS m
JOIN monitor_keys AS token ON token.monitor_id = m.id AND token.kind = 'token'
LEFT JOIN monitor_keys AS short ON short.monitor_id = m.id AND short.kind = 'short'
WHERE m.id > ? ORDER BY m.id LIMIT ?
"""

_TAGS = msgspec.json.Decoder(list[str])
_CHANNELS = msgspec.json.Decoder(tuple[UUID, ...])


class MonitorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor with its keys and tags. `pause_changed_ms` is when it was last paused or resumed, if it ever was."""

    config: MonitorConfig
    token: str
    short_key: str | None
    tags: tuple[str, ...]
    channels: tuple[UUID, ...]
    origin: str
    created_ms: int
    pause_changed_ms: int | None
    wishes: Wishes

    @property
    def digests(self) -> tuple[bytes, ...]:
        return tuple(key_digest(key.encode()) for key in (self.token, self.short_key) if key is not None)


def read_monitor(row: Row) -> MonitorRow:
    """A row of FIND, BY_ID, PAGE or PAGE_OF_TAG."""
    return MonitorRow(
        config=read_config(row),
        token=row["token"],
        short_key=row["short_key"],
        tags=tuple(_TAGS.decode(row["tags"])),
        channels=_CHANNELS.decode(row["channels"]),
        origin=row["origin"],
        created_ms=row["created_ms"],
        pause_changed_ms=row["pause_changed_ms"],
        wishes=read_wishes(row),
    )


def read_config(row: Row) -> MonitorConfig:
    """What any of the queries here tells of the configuration itself."""
    return MonitorConfig(
        id=row["id"],
        public_id=UUID(row["public_id"]),
        org_id=row["org_id"],
        name=row["name"],
        interval_s=row["interval_s"],
        grace_s=row["grace_s"],
        paused=bool(row["paused"]),
        version=row["version"],
        key_epoch=row["key_epoch"],
        rules=standing_rules(read_wishes(row)),
    )
