"""Every metric of Overdue in one table. `docs/metrics.md` shows it; a test holds the two together.

Under `overdue serve` all parts write into one folder (PROMETHEUS_MULTIPROC_DIR), so that one scrape of ingest shows
them all. Seconds and bytes, as Prometheus wants. Never look a label up per ping: bind the child once, count per batch.
"""

from __future__ import annotations

import msgspec
from prometheus_client import Counter, Gauge, Histogram


class CountedInRedis(msgspec.Struct, frozen=True):
    """A counter that the scripts keep (`field` of the tallies, divided by `unit`); a scrape reads it from Redis."""

    name: str
    meaning: str
    field: str
    unit: int


PINGS = Counter("overdue_pings_total", "Pings answered, by door and outcome.", ["door", "outcome"])
BATCH_PINGS = Histogram(
    "overdue_batch_pings",
    "Pings carried by one script call.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
REDIS_CALL = Histogram(
    "overdue_redis_call_seconds",
    "Time of one batch call to Redis, from sending to reply.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
REDIS_RESENDS = Counter("overdue_redis_resends_total", "Batches sent again because the reply was lost.")
QUEUED_PINGS = Gauge(
    "overdue_queued_pings", "Pings waiting in ingest for their batch.", multiprocess_mode="livesum"
)
KEY_CACHE_MISSES = Counter("overdue_key_cache_misses_total", "Ping keys that had to be looked up in Redis.")

SWEEP_LAG = Gauge(
    "overdue_sweep_lag_seconds",
    "How far the sweep's clock (the smallest watermark) is behind Redis TIME.",
    multiprocess_mode="livemax",
)
CLOCK_HELD = Gauge(
    "overdue_clock_held",
    "1 while no silence can be judged, as some writer (or all) has not been heard for 10 seconds.",
    multiprocess_mode="livemax",
)
BLIND_NOW = Gauge(
    "overdue_blind_now_seconds",
    "For how long pings may have gone unheard, up to now, so that nobody is declared down; 0 while all are heard.",
    ["shard"],
    multiprocess_mode="livemax",
)
DETECTION_DELAY = Histogram(
    "overdue_detection_delay_seconds",
    "From a missed deadline to its event.",
    buckets=(0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
EVENTS = Counter("overdue_events_total", "Events turned into deliveries, by type.", ["type"])
DELIVERIES = Counter(
    "overdue_deliveries_total", "Delivery attempts, by kind of channel and outcome.", ["kind", "outcome"]
)
DELIVERIES_WAITING = Gauge(
    "overdue_deliveries_waiting",
    "Deliveries that are not settled yet.",
    multiprocess_mode="livemax",
)
DEAD_LETTERS = Gauge("overdue_dead_letters", "Deliveries that were given up.", multiprocess_mode="livemax")
DEAD_LETTERS_DROPPED = CountedInRedis(
    "overdue_dead_letters_dropped",
    "Dead letters that were dropped, too old or too many, over the life of the installation.",
    field="dead_dropped",
    unit=1,
)
RUNS_UNWATCHED = CountedInRedis(
    "overdue_runs_unwatched",
    "Starts of runs that are not watched, because their monitor had 32 under way, over the life of the installation.",
    field="runs_unwatched",
    unit=1,
)
MONITORS = Gauge(
    "overdue_monitors",
    "Monitors by status; `up` includes those that are late.",
    ["status"],
    multiprocess_mode="livemax",
)
BLIND_SECONDS = CountedInRedis(
    "overdue_blind_seconds",
    "Time in which pings could not be heard, over the life of the installation.",
    field="blind_ms",
    unit=1000,
)
CLOCK_STEPS = Counter(
    "overdue_clock_steps_total",
    "Steps of Redis' clock that ingest has noticed; a clock that stands still counts twice a second.",
)
WRITERS = Gauge("overdue_writers", "Registered ingest writers.", multiprocess_mode="livemax")
BROKEN_MONITORS = Gauge(
    "overdue_broken_monitors",
    "Monitors whose stored record cannot be read and that are therefore not watched.",
    multiprocess_mode="livemax",
)

STREAM_BACKLOG = Gauge(
    "overdue_stream_backlog",
    "Entries of a stream that are not in SQLite yet.",
    ["stream"],
    multiprocess_mode="livemax",
)
BACKLOG_BYTES = Gauge(
    "overdue_history_backlog_bytes", "Bytes of history waiting in Redis.", multiprocess_mode="livemax"
)
HISTORY_DROPPED = CountedInRedis(
    "overdue_history_dropped",
    "Pings whose history was dropped because the backlog was at its cap, over the life of the installation.",
    field="history_dropped",
    unit=1,
)
DELIVERY_LOG_DROPPED = CountedInRedis(
    "overdue_delivery_log_dropped",
    "Records of the log of deliveries that were dropped because their backlog was at its cap, over the life of the "
    "installation.",
    field="letters_dropped",
    unit=1,
)
METRIC_KEYS_REFUSED = Counter(
    "overdue_metric_keys_refused_total",
    "Values of metrics that were dropped because their monitor has as many keys as it can have.",
)
ALERT_OUTBOX = Gauge(
    "overdue_alert_outbox",
    "Threshold alerts that are in SQLite, but not in Redis yet.",
    multiprocess_mode="livemax",
)
RULES_AHEAD = Gauge(
    "overdue_rules_ahead_seconds",
    "How far ahead the ticks and maintenance windows in Redis reach, of the monitor with the nearest end; infinite if "
    "there are none.",
    multiprocess_mode="livemax",
)
RULES_REFRESHED = Counter(
    "overdue_rules_refreshed_total",
    "Times that a monitor's ticks and maintenance windows were worked out anew.",
)
RECORDER_ROWS = Counter("overdue_recorder_rows_total", "Rows written to history.db.", ["table"])
RECORDER_COMMIT = Histogram(
    "overdue_recorder_commit_seconds",
    "Time of one transaction of the recorder.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)

PART_RESTARTS = Counter(
    "overdue_part_restarts_total", "Times that `serve` started a part that had died.", ["part"]
)
