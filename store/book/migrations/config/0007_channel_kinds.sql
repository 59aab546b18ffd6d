-- A default channel is told of every monitor that names no channels of its own. With a burst, no more than `burst_size` downs
-- within `burst_window_s` are told one by one; those that follow are collected into one message.
ALTER TABLE channels ADD COLUMN is_default INTEGER NOT NULL DEFAULT 1;
ALTER TABLE channels ADD COLUMN burst_size INTEGER;
ALTER TABLE channels ADD COLUMN burst_window_s INTEGER;

-- The channels that a monitor names, in order; one that names none tells the default ones.
CREATE TABLE monitor_channels (
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    channel_id INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    PRIMARY KEY (monitor_id, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX monitor_channels_by_channel ON monitor_channels (channel_id);
