-- SQLite 3.40 calls a sound table damaged (integrity_check) if another column stands before one of its key, so that a
-- backup with channels that monitors name could not be restored.
CREATE TABLE monitor_channels_kept AS SELECT monitor_id, place, channel_id FROM monitor_channels;

DROP TABLE monitor_channels;

CREATE TABLE monitor_channels (
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    channel_id INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    PRIMARY KEY (monitor_id, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX monitor_channels_by_channel ON monitor_channels (channel_id);

INSERT INTO monitor_channels (monitor_id, place, channel_id)
SELECT monitor_id, place, channel_id FROM monitor_channels_kept;

DROP TABLE monitor_channels_kept;
