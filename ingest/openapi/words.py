"""What each field of the API means, with an example; for those whose type does not say it itself.

Names mean the same everywhere. Where one does not, its type stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import UNSET


class Word(NamedTuple):
    """A sentence, and a value as it may be; UNSET: the type has one to show. `format` is that of a text."""

    meaning: str
    example: Any = UNSET
    format: str = ""


_ID = "7b31715e-a083-43d2-96b1-8c691a4b4c30"
_OTHER_ID = "a7464a33-9799-4c81-9897-4afa70a3c708"
_AT = "2026-11-22T05:04:09.311Z"
_LATER = "2026-11-22T05:09:13.902Z"


def _moment(meaning: str, example: str | None = _AT) -> Word:
    return Word(meaning, example, "date-time")


def _id(meaning: str, example: str = _ID) -> Word:
    return Word(meaning, example, "uuid")


WORDS: Mapping[str, Word] = {
    # What most things have.
    "id": _id("Its id."),
    "KeyReply.id": Word("Its number.", 3),
    "CreatedKeyReply.id": Word("Its number.", 3),
    "PingReply.id": Word("Its number; later pings have higher ones.", 7),
    "name": Word("Its name, 1 to 200 characters.", "nightly backup"),
    "PlanReply.name": Word("The plan's name.", "unlimited"),
    "CreateKey.name": Word("A name for people, 1 to 200 characters.", "deploy script"),
    "type": Word("Of which kind it is."),
    "MonitorReply.type": Word("Always `heartbeat`.", "heartbeat"),
    "MetricReply.type": Word("`number` or `string`, as the latest value is.", "number"),
    "DeliveryReply.type": Word("Of what it tells.", "monitor.down"),
    "DeliveryLogReply.type": Word("Of what it tells.", "monitor.down"),
    "createdAt": _moment("When it was made."),
    "nextCursor": Word("Where the next page begins; null: this is the last one.", "MTAw"),
    # Monitors.
    "schedule": Word("How often it pings: `every 90s`, `every 30 minutes`, `every 1w`.", "every 24h"),
    "grace_period_seconds": Word("So much later it may ping.", 300),
    "unique_key": Word(
        "The key that it pings with; null for who may only read.", "nightly-db-backup-a6cc130f"
    ),
    "HeartbeatReply.status": Word(
        "`healthy` (also before the first ping), `late`, `down` or `paused`.", "healthy"
    ),
    "MonitorReply.status": Word("`new`, `up`, `late`, `down` or `paused`.", "up"),
    "tags": Word("Up to 20 of 1 to 50 characters, without commas.", ["prod", "db"]),
    "paused": Word("Whether it is not watched.", False),
    "interval": Word("So many seconds are between two pings.", 86_400),
    "MonitorReply.interval": Word("So many seconds are between two pings; null: it has a schedule.", 86_400),
    "MonitorReply.schedule": Word(
        "A cron rule of five fields, `@daily` and the like; null: it has an interval.", None
    ),
    "CreateMonitor.schedule": Word(
        "Instead of an interval: a cron rule of five fields, `@daily` and the like.", None
    ),
    "PatchMonitor.schedule": Word(
        "Instead of an interval: a cron rule of five fields, `@daily` and the like.", None
    ),
    "timezone": Word("The IANA time zone of the rule; null: UTC, or there is no rule.", None),
    "maxRuntime": Word("So many seconds a run may take; more is an incident of its own. Null: any.", None),
    "failuresBeforeAlert": Word("So many misses or failures in a row are told of.", 1),
    "reminderInterval": Word("While it is down, it is told again after so many seconds; null: never.", None),
    "armOnFirstPing": Word("Whether nothing is awaited before the first ping.", False),
    "max_runtime_seconds": Word(
        "So many seconds a run may take; more is an incident of its own. Null: any.", None
    ),
    "failures_before_alert": Word("So many misses or failures in a row are told of.", 1),
    "reminder_interval_seconds": Word(
        "While it is down, it is told again after so many seconds; null: never.", None
    ),
    "arm_on_first_ping": Word("Whether nothing is awaited before the first ping.", False),
    "MonitorReply.maintenance": Word("The window that is on; null: none."),
    "until": _moment("Until when.", _LATER),
    "gracePeriod": Word("So many seconds later it may ping.", 3600),
    "channels": Word("The channels."),
    "MonitorReply.channels": Word("The ids of those that it tells; null: the default ones.", [_OTHER_ID]),
    "CreateMonitor.channels": Word(
        "The ids of those that it tells, up to 50; null: the default ones.", [_OTHER_ID]
    ),
    "PatchMonitor.channels": Word(
        "The ids of those that it tells, up to 50; null: the default ones.", [_OTHER_ID]
    ),
    "ToldReply.channels": Word("Who would be told."),
    "pingUrl": Word(
        "Where it pings; null for who may only read.",
        "https://overdue.example.org/ping/XBvVBR5rK7VcjeleNhrSf7",
    ),
    "lastPingAt": _moment("When it pinged last; null: never."),
    "nextDeadline": _moment("When it is down unless it pings; null while nothing is awaited.", _LATER),
    "monitors": Word("The monitors of this page."),
    "PlanReply.monitors": Word("So many it may have; null: any number.", None),
    "UseReply.monitors": Word("So many there are.", 12),
    # Pings.
    "pings": Word("The pings of this page."),
    "at": _moment("When."),
    "PingReply.at": _moment("When it arrived."),
    "BatchItem.at": Word("When it happened, at most an hour ago: Unix seconds or RFC 3339; null: now.", _AT),
    "outcome": Word("What became of it."),
    "PingReply.outcome": Word("`recorded`, or `paused`: nothing was awaited.", "recorded"),
    "AttemptReply.outcome": Word(
        "`delivered`, `retry`, `dead`, or `dropped` for a trial that failed.", "retry"
    ),
    "method": Word("The HTTP method.", "POST"),
    "userAgent": Word("What the sender says it is.", "curl/8.5.0"),
    "PingReply.from": Word("The sender's address.", "203.0.113.7"),
    "host": Word("The host that was called.", "overdue.example.org"),
    "query": Word("The query of the URL.", ""),
    "contentType": Word("What the sender says the body is.", "application/json"),
    "hasBody": Word("Whether something was sent with it.", True),
    "ok": Word("True.", True),
    "HeartbeatTaken.status": Word("`ok`.", "ok"),
    "HeartbeatTaken.monitor": Word("The monitor's name.", "Nightly DB Backup"),
    "pinged_at": Word("When the ping counted.", "2026-03-02T02:01:33Z"),
    "received": Word("So many items came.", 2),
    "recorded": Word("So many were recorded.", 1),
    "BatchReply.paused": Word("So many were of paused monitors.", 0),
    "limited": Word("So many came too soon for their plan; their signs of life count.", 0),
    "failed": Word("Those that were not recorded."),
    "index": Word("Its place in the batch, from 0.", 1),
    "Failed.reason": Word("Why, in a sentence.", "No monitor has this ping key."),
    "BatchItem.key": Word("The monitor's ping key.", "XBvVBR5rK7VcjeleNhrSf7"),
    "signal": Word("What the ping says: `success`, `start`, `fail` or `log`.", "success"),
    "exitCode": Word("The exit code that it said; null: none.", 0),
    "run": Word("The run that it named; null: none.", "123e4567-e89b-42d3-a456-426614174000", "uuid"),
    "PingReply.durationMs": Word("How long the run took that it ended; null: it ended none.", 12_300),
    "BatchItem.durationMs": Word("How long the run took; null: it is measured.", 12_300),
    "BatchItem.metrics": Word("A flat object of numbers and texts, at most 1 KB.", {"rows": 500}),
    # What happened.
    "incidents": Word("The incidents of this page."),
    "kind": Word("`silence`, or `metric`: a threshold rule was breached.", "silence"),
    "startedAt": _moment("The missed deadline, or the ping that breached the rule."),
    "endedAt": _moment("When it ended; null while it is open.", _LATER),
    "delayedBySeconds": Word("So much later blind time made the missed deadline; null: not at all.", None),
    "alertId": _id("The threshold rule."),
    "metricKey": Word("The key of the metric, as pings send it.", "queue_size"),
    "monitor": Word("The monitor; null if it was deleted, or if this is about none."),
    "blindTimes": Word("The times of this page."),
    "from": _moment("From when."),
    "to": _moment("Until when.", _LATER),
    "seconds": Word("How long that was.", 125.781),
    "windows": Word("The last `24h`, `7d` and `30d`."),
    "by": Word("Of what length the periods are; null: there are none.", "day"),
    "periods": Word("Newest first, the running one included."),
    "downtimeSeconds": Word("So long it was down.", 0.0),
    "uptimePercent": Word("Rounded down to three decimals; null: no time has passed yet.", 100.0),
    # Maintenance windows.
    "maintenance": Word("The windows of this page."),
    "CreateWindow.name": Word("A name for people, 1 to 200 characters.", "database upgrade"),
    "WindowReply.name": Word("Its name.", "database upgrade"),
    "WindowReply.kind": Word("`once`, `weekly` or `cron`.", "weekly"),
    "WindowReply.from": Word("When it begins; null unless it is once.", None),
    "WindowReply.to": Word("When it ends; null unless it is once.", None),
    "CreateWindow.from": Word("When it begins, if it is once: RFC 3339, or Unix seconds.", _AT),
    "CreateWindow.to": Word("When it ends, if it is once: RFC 3339, or Unix seconds.", _LATER),
    "PatchWindow.from": Word("When it begins, if it is once: RFC 3339, or Unix seconds.", _AT),
    "PatchWindow.to": Word("When it ends, if it is once: RFC 3339, or Unix seconds.", _LATER),
    "weekdays": Word("On which days, if it is weekly.", ["sat", "sun"]),
    "start": Word("At what time of the day, if it is weekly.", "02:30"),
    "cron": Word("When it begins, if it is by a rule.", "0 3 * * *"),
    "duration": Word("So many seconds it is on, unless it is once; then null.", 3600),
    "wholeOrganisation": Word("Whether it is for all monitors.", False),
    "WindowReply.tags": Word("For the monitors that have one of these tags.", ["db"]),
    "CreateWindow.tags": Word("For the monitors that have one of these tags.", ["db"]),
    "PatchWindow.tags": Word("For the monitors that have one of these tags.", ["db"]),
    "WindowReply.monitors": Word("For these monitors, by their ids.", [_ID]),
    "CreateWindow.monitors": Word("For these monitors, by their ids.", [_ID]),
    "PatchWindow.monitors": Word("For these monitors, by their ids.", [_ID]),
    "isOn": Word("Whether it is on now.", False),
    "next": Word("When it is on: now, or the next time; null: never again."),
    # Metrics, and rules on them.
    "step": Word("The length of a step in seconds.", 300),
    "points": Word("One for each step in which there was something."),
    "t": _moment("When the step begins."),
    "min": Word("The least in this step.", 12.5),
    "avg": Word("The average of this step.", 40.0),
    "max": Word("The most in this step.", 97.0),
    "count": Word("So many there were.", 5),
    "metrics": Word("The metrics, by their keys."),
    "keysRefused": Word("So many values came under further keys and were dropped: a monitor has 64.", 0),
    "key": Word("The key of the metric.", "queue_size"),
    "CreatedKeyReply.key": Word("The key itself, shown this once.", "od_" + "x" * 49),
    "last": Word("The latest value.", 97.0),
    "lastAt": _moment("When it came."),
    "metricAlerts": Word("The rules of this page."),
    "operator": Word("The rule is breached when the value is this to the threshold.", ">"),
    "threshold": Word("A number, or a text to be compared with `=` and `!=`.", 100),
    "channelId": _id("The channel that is told.", _OTHER_ID),
    "consecutiveTriggers": Word("It is told after so many breaches in a row.", 3),
    "streak": Word("So many breaches in a row there are now.", 0),
    "open": Word("Whether it has been told and not been inside since.", False),
    # Channels.
    "isDefault": Word("Whether it is told of monitors that name no channel.", True),
    "burst": Word("From how many downs on they are collected into one message; null: never."),
    "disabledAt": _moment("Since when it is not called, as its receiver wished; null: it is called.", None),
    "url": Word("Where it leads.", "https://hooks.example.org/overdue"),
    "CreateWebhook.url": Word("What is called; http or https.", "https://hooks.example.org/overdue"),
    "CreateApprise.url": Word("The address that Apprise has for it.", "ntfys://overdue-7d1f"),
    "AppriseReply.url": Word("Its scheme; the rest is kept secret.", "ntfys://***"),
    "headers": Word(
        "Up to 10 headers of its own; their values are not shown again.", {"authorization": "***"}
    ),
    "CreateWebhook.headers": Word("Up to 10 headers of its own.", {"authorization": "Bearer s3cr3t"}),
    "EmailReply.to": Word("The mail addresses.", ["ops@example.org"]),
    "CreateEmail.to": Word("1 to 10 mail addresses.", ["ops@example.org"]),
    "PatchChannel.to": Word("1 to 10 mail addresses.", ["ops@example.org"]),
    "size": Word("So many downs of a window are told one by one.", 5),
    "windowSeconds": Word("The length of a window.", 60),
    "secret": Word(
        "What calls are signed with, shown this once.", "whsec_SLhFom1Jhp1PBK8O3MM+Mwf/HZ6Nx1mUBb5d9spPzYo="
    ),
    "deliveryId": _id("The delivery by which it is tried."),
    "occasion": Word("What would have happened.", "silence"),
    "messages": Word("What each kind of channel would get."),
    "webhook": Word("A call of a URL."),
    "email": Word("A mail."),
    "apprise": Word("A message to a chat or paging service."),
    "CallShown.body": Word("The body of the call, as webhooks get it.", {"type": "monitor.down"}),
    "subject": Word("The subject.", "nightly backup is down"),
    "text": Word("The plain text.", "nightly backup did not ping in time."),
    "html": Word("The same as HTML.", "<p>nightly backup did not ping in time.</p>"),
    "source": Word("`named`, or `default`: the monitor names none.", "default"),
    # Deliveries.
    "deliveries": Word("The deliveries of this page."),
    "state": Word("`waiting`, `retrying`, `delivered`, `dead` or `dropped`.", "retrying"),
    "channel": Word("The channel; null if it was deleted."),
    "incidentId": _id("The incident.", "e8218ab0-a5a8-52e3-8c3b-530364712f87"),
    "events": Word("So many events the message tells of.", 1),
    "attempts": Word("So many were made.", 1),
    "lastStatus": Word("The HTTP status of the latest answer; null: none came.", 500),
    "lastReason": Word("How the latest attempt ended, in our words.", "the receiver answered 500"),
    "nextAttemptAt": _moment("When the next one is made; null: none.", _LATER),
    "settledAt": _moment("Since when nothing more is done; null: not yet.", None),
    "attemptLog": Word("The attempts, oldest first."),
    "attempt": Word("Its number, from 1.", 1),
    "AttemptReply.status": Word("The HTTP status; null: no answer came.", 500),
    "reason": Word("How it ended, in our words.", "the receiver answered 500"),
    "durationMs": Word("So long it took.", 31),
    # Organisation and keys.
    "OrganisationReply.name": Word("Its name.", "default"),
    "plan": Word("What it may use."),
    "use": Word("What it uses."),
    "minInterval": Word("The shortest interval that is allowed, in seconds.", 1),
    "pingsPerMinute": Word("So many pings a minute; null: any number.", None),
    "historyDays": Word("So many days of pings are shown; null: all that are kept.", None),
    "writesPerMinute": Word("So many changes a minute with one key; null: any number.", None),
    "pingsThisMinute": Word("So many pings in this minute; null where the plan has no limit.", None),
    "keys": Word("The keys of this page."),
    "scope": Word("`write`, or `read`: it changes nothing and sees no ping keys.", "read"),
    "prefix": Word("Its beginning, to tell it from others.", "od_xxxx"),
    "admin": Word("Whether it is the key of the installation's settings.", False),
    "lastUsedAt": _moment("When it was used, to the minute; null: never."),
    "revokedAt": _moment("Since when it opens nothing; null: it works.", None),
    # Refusals.
    "error": Word("Why, in a sentence.", "The field 'interval' is not accepted: expected `int` >= 1."),
    "PingProblem.error": Word("Why, in a sentence.", "No monitor has this ping key."),
    "field": Word("The field or parameter that is to blame, if it is one.", "interval"),
    "minimum": Word("The shortest interval that the plan allows.", 30),
    "limit": Word("So many the plan allows.", 100),
    "retryAfter": Word("Seconds to wait, as `Retry-After` says.", 17),
    "alive": Word("True if the sign of life counted all the same.", True),
}


def word_for(type_name: str, field: str) -> Word | None:
    """What is known of a field of a type."""
    return WORDS.get(f"{type_name}.{field}") or WORDS.get(field)
