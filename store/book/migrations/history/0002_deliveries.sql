-- Who was told what, and how that went. `number` is the order in which deliveries were made; `id` is public. Redis knows a
-- delivery by its shard and `live_id`. `attempts` counts all of them, `tries` those since it was put in line: where a retry
-- goes on. `event` is there so that one that was not settled can be put back into an empty Redis.
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    shard INTEGER NOT NULL,
    live_id TEXT,
    org_id INTEGER NOT NULL,
    monitor_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    incident_id TEXT NOT NULL,
    type TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'retrying', 'delivered', 'dead', 'dropped')),
    attempts INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER,
    last_reason TEXT,
    next_ms INTEGER,
    settled_ms INTEGER,
    event BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX deliveries_live ON deliveries (shard, live_id);
CREATE INDEX deliveries_of_org ON deliveries (org_id, number);
CREATE INDEX deliveries_of_monitor ON deliveries (org_id, monitor_id, number);
CREATE INDEX deliveries_of_channel ON deliveries (org_id, channel_id, number);
CREATE INDEX deliveries_by_state ON deliveries (org_id, state, number);
CREATE INDEX deliveries_open ON deliveries (shard, number) WHERE state IN ('waiting', 'retrying', 'dead');
CREATE INDEX deliveries_old ON deliveries (created_ms) WHERE state IN ('delivered', 'dropped');

-- `delivery` is its number; `attempt` counts from 1 since the delivery was put in line.
CREATE TABLE delivery_attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    duration_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX delivery_attempts_of ON delivery_attempts (delivery, id);

-- Events that were not turned into deliveries yet, by their place in the stream, so that they can be put back into an
-- empty Redis. The position of the stream `dispatched` says up to where that was done.
CREATE TABLE untold_events (
    generation TEXT NOT NULL,
    shard INTEGER NOT NULL,
    entry_ms INTEGER NOT NULL,
    entry_seq INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (generation, shard, entry_ms, entry_seq)
) STRICT, WITHOUT ROWID;
