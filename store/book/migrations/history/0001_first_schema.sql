-- What was true. Pings lie in one table per day (pings_20260302, made when its first ping comes; see history_writer.py).

-- Up to where each stream is in this file; written in the transaction that writes its rows.
CREATE TABLE positions (
    generation TEXT NOT NULL,
    shard INTEGER NOT NULL,
    stream TEXT NOT NULL,
    entry TEXT NOT NULL,
    appended_bytes INTEGER NOT NULL,
    PRIMARY KEY (generation, shard, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    monitor_id INTEGER NOT NULL,
    org_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    silence_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX incidents_of_monitor ON incidents (monitor_id, started_ms, id);
CREATE INDEX incidents_open ON incidents (monitor_id) WHERE ended_ms IS NULL;

-- The last ping id that was given out; ids grow over all days.
CREATE TABLE ping_ids (last INTEGER NOT NULL) STRICT;
INSERT INTO ping_ids (last) VALUES (0);
