"""Every key in Redis, each with its type, its writer and its life. `docs/keyspace.md` shows this table.

How each is spelled is in `keys.py`.
"""

from __future__ import annotations

import msgspec


class KeyRow(msgspec.Struct, frozen=True):
    """One kind of key, for the documentation."""

    name: str
    type: str
    writer: str
    life: str
    holds: str


TABLE: tuple[KeyRow, ...] = (
    KeyRow(
        "generation",
        "string",
        "rebuild",
        "until a flush",
        "Which installation this is; checked by every script.",
    ),
    KeyRow("config", "hash", "API", "as the monitor", "Monitor id → packed configuration."),
    KeyRow("state", "hash", "record, sweep, API", "as the monitor", "Monitor id → packed state."),
    KeyRow(
        "deadlines",
        "zset",
        "record, sweep, API",
        "while watched",
        "Monitor id by its deadline in ms; it may lag by less than the grace.",
    ),
    KeyRow(
        "rules",
        "hash",
        "API, recorder",
        "as the monitor",
        "Monitor id → what is asked of it beyond interval and grace, its ticks ahead included, packed.",
    ),
    KeyRow(
        "kept",
        "string",
        "recorder",
        "forever",
        "The last change of rules in `config.db` that the keeper has seen to.",
    ),
    KeyRow(
        "runs",
        "hash",
        "record, sweep",
        "while there are any",
        "Monitor id → failures in a row, runs under way, and those that ended last, packed.",
    ),
    KeyRow("reminders", "zset", "record, sweep", "while down", "Monitor id by its next reminder in ms."),
    KeyRow(
        "keys:<bucket>",
        "hash",
        "API",
        "as the key",
        "Digest of a ping key → monitor id, in small packed buckets.",
    ),
    KeyRow(
        "tombstones",
        "hash",
        "API",
        "an hour or more",
        "Deleted monitor id → its last version and the moment, in ms.",
    ),
    KeyRow(
        "writers", "hash", "ingest", "while registered", "Writer slot → watermark, sequence, incarnation."
    ),
    KeyRow(
        "replies",
        "hash",
        "ingest",
        "until its next batch",
        "Writer slot → sequence and reply of its last batch.",
    ),
    KeyRow(
        "heard",
        "string",
        "ingest",
        "while no writer runs",
        "Up to when pings were heard before the last clean stop.",
    ),
    KeyRow(
        "blind",
        "string",
        "ingest, sweep",
        "the last 256",
        "Packed intervals in which pings could not be heard.",
    ),
    KeyRow(
        "walk",
        "string",
        "ingest, sweep",
        "seconds",
        "Cursor of the walk that brings windows back after the clock was stepped back.",
    ),
    KeyRow(
        "tallies", "hash", "all scripts", "forever", "Counts: monitors by status, blind ms, history bytes."
    ),
    KeyRow("broken", "set", "record, sweep", "until repaired", "Monitor ids whose record cannot be read."),
    KeyRow("pings", "stream", "record", "until in SQLite", "Batches of recorded pings, one entry a batch."),
    KeyRow(
        "events",
        "stream",
        "record, sweep, API, recorder",
        "until in SQLite and delivered",
        "Transitions and threshold alerts, one entry each.",
    ),
    KeyRow(
        "raised",
        "string",
        "recorder",
        "forever",
        "The last message of a threshold rule that is among the events.",
    ),
    KeyRow("dispatched", "string", "dispatch", "forever", "The last event that was turned into deliveries."),
    KeyRow(
        "orgs", "hash", "API", "as the organisation", "Organisation id → version and its channel ids, packed."
    ),
    KeyRow("channels", "hash", "API", "as the channel", "Channel id → kind and settings, opaque to scripts."),
    KeyRow("plans", "hash", "API", "as the organisation", "Organisation id → limits of its plan, packed."),
    KeyRow("used", "hash", "record", "the last minute", "Organisation id → pings of this minute, packed."),
    KeyRow(
        "uses",
        "hash",
        "API",
        "this minute",
        "API key or sender → its calls of the admin API that are limited.",
    ),
    KeyRow(
        "deliveries",
        "hash",
        "dispatch",
        "until settled",
        "Delivery id → failed attempts, leases since and its event, packed.",
    ),
    KeyRow(
        "due",
        "zset",
        "dispatch",
        "until settled",
        "Delivery id by its next attempt, or the end of its lease, in ms.",
    ),
    KeyRow(
        "lines",
        "hash",
        "dispatch",
        "until settled",
        "Channel and incident → deliveries in order, only the first is due.",
    ),
    KeyRow(
        "dead",
        "hash",
        "dispatch, API",
        "until retried; the last 10,000",
        "Delivery id → a delivery that was given up.",
    ),
    KeyRow("died", "zset", "dispatch, API", "as `dead`", "Delivery id by the moment it was given up, in ms."),
    KeyRow("buried", "hash", "dispatch, API", "as `dead`", "Channel and incident → dead letters in order."),
    KeyRow(
        "disabled",
        "hash",
        "dispatch",
        "as the channel",
        "Channel id → its epoch, and when its receiver asked never to be called again, packed.",
    ),
    KeyRow(
        "letters",
        "stream",
        "dispatch, API, recorder",
        "until in SQLite",
        "What became of deliveries, one entry a call.",
    ),
    KeyRow(
        "named",
        "hash",
        "API",
        "as the monitor",
        "Monitor id → the channels that it names, packed; the others tell the default ones.",
    ),
    KeyRow(
        "manners",
        "hash",
        "API",
        "as the channel",
        "Channel id → whether it is a default one, and how it is told of many downs at once, packed.",
    ),
    KeyRow(
        "bursts",
        "hash",
        "dispatch",
        "as the channel",
        "Channel id → its present window and how many were told in it, packed.",
    ),
    KeyRow(
        "collected",
        "hash",
        "dispatch",
        "as the incident",
        "Monitor and silence → the channels that are told of it in one message with others, packed.",
    ),
    KeyRow(
        "newcomers",
        "hash",
        "API, dispatch",
        "as the channel, or the incident",
        "Channel id → since when it is there; monitor and silence → those newer channels that were told of it.",
    ),
    KeyRow(
        "failing",
        "hash",
        "dispatch",
        "as the channel",
        "Channel id → the outage of which the other channels were told last, packed.",
    ),
    KeyRow(
        "rebuilding",
        "string",
        "rebuild",
        "ten seconds, renewed",
        "Somebody is putting an empty Redis in order.",
    ),
    KeyRow("part:<name>", "string", "that part", "5 s", "A part is alive and ready."),
)
