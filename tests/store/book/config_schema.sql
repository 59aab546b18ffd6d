-- What the migrations of config.db have to add up to.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation TEXT NOT NULL,
    shards INTEGER NOT NULL CHECK (shards > 0),
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE plans (
    name TEXT PRIMARY KEY,
    min_interval_s INTEGER NOT NULL DEFAULT 0 CHECK (min_interval_s >= 0),
    pings_per_minute INTEGER NOT NULL DEFAULT 0 CHECK (pings_per_minute >= 0),
    monitors INTEGER NOT NULL DEFAULT 0 CHECK (monitors >= 0),
    history_days INTEGER NOT NULL DEFAULT 0 CHECK (history_days >= 0),
    writes_per_minute INTEGER NOT NULL DEFAULT 1000 CHECK (writes_per_minute >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE orgs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    channels_version INTEGER NOT NULL DEFAULT 0,
    plan TEXT NOT NULL DEFAULT 'unlimited' REFERENCES plans (name),
    plan_version INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX orgs_by_plan ON orgs (plan);
CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    prefix TEXT NOT NULL,
    name TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('read', 'write')),
    is_admin INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER,
    revoked_ms INTEGER
) STRICT;
CREATE INDEX api_keys_by_org ON api_keys (org_id);
CREATE TABLE monitors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    interval_s INTEGER NOT NULL CHECK (interval_s > 0),
    grace_s INTEGER NOT NULL CHECK (grace_s >= 0),
    paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
    version INTEGER NOT NULL,
    key_epoch INTEGER NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('heartbeats', 'monitors')),
    created_ms INTEGER NOT NULL
, pause_changed_ms INTEGER, schedule TEXT, timezone TEXT, max_runtime_s INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 1, reminder_s INTEGER NOT NULL DEFAULT 0, armed_by_ping INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX monitors_by_org ON monitors (org_id, id);
CREATE TABLE monitor_tags (
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    org_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (monitor_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX monitor_tags_by_tag ON monitor_tags (org_id, tag, monitor_id);
CREATE TABLE monitor_keys (
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'short')),
    key TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    PRIMARY KEY (monitor_id, kind)
) STRICT;
CREATE TABLE channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_ms INTEGER NOT NULL
, epoch INTEGER NOT NULL DEFAULT 1, disabled_ms INTEGER, is_default INTEGER NOT NULL DEFAULT 1, burst_size INTEGER, burst_window_s INTEGER) STRICT;
CREATE INDEX channels_by_org ON channels (org_id, id);
CREATE TABLE monitor_channels (
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    channel_id INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    PRIMARY KEY (monitor_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX monitor_channels_by_channel ON monitor_channels (channel_id);
CREATE TABLE metric_alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    channel_id INTEGER NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    metric_key TEXT NOT NULL,
    operator TEXT NOT NULL CHECK (operator IN ('>', '<', '>=', '<=', '=', '!=')),
    threshold ANY NOT NULL CHECK (typeof(threshold) IN ('real', 'text')),
    consecutive_triggers INTEGER NOT NULL CHECK (consecutive_triggers > 0),
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX metric_alerts_by_monitor ON metric_alerts (monitor_id, id);
CREATE INDEX metric_alerts_by_channel ON metric_alerts (channel_id);
CREATE TABLE metric_alert_changes (count INTEGER NOT NULL) STRICT;
CREATE TRIGGER metric_alert_made AFTER INSERT ON metric_alerts
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
CREATE TRIGGER metric_alert_changed AFTER UPDATE ON metric_alerts
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
CREATE TRIGGER metric_alert_gone AFTER DELETE ON metric_alerts
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
CREATE TRIGGER metric_alert_monitor_changed AFTER UPDATE OF name, interval_s, grace_s, paused ON monitors
WHEN EXISTS (SELECT 1 FROM metric_alerts WHERE monitor_id = new.id)
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE session_secret (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;
CREATE TABLE ended_sessions (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_sessions_by_end ON ended_sessions (until_ms);
CREATE TABLE fleet_changes (
    org_id INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;
CREATE TRIGGER fleet_monitor_made AFTER INSERT ON monitors
BEGIN INSERT INTO fleet_changes VALUES (new.org_id, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TRIGGER fleet_monitor_changed AFTER UPDATE ON monitors
BEGIN INSERT INTO fleet_changes VALUES (new.org_id, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TRIGGER fleet_monitor_gone AFTER DELETE ON monitors
BEGIN INSERT INTO fleet_changes VALUES (old.org_id, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TRIGGER fleet_tag_added AFTER INSERT ON monitor_tags
BEGIN INSERT INTO fleet_changes VALUES (new.org_id, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TRIGGER fleet_tag_gone AFTER DELETE ON monitor_tags
BEGIN INSERT INTO fleet_changes VALUES (old.org_id, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TABLE imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    lines INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX imports_by_digest ON imports (org_id, digest, id);
CREATE TABLE import_batches (
    import_id INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    first_monitor_id INTEGER NOT NULL,
    monitors INTEGER NOT NULL,
    PRIMARY KEY (import_id, first_monitor_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE creations (
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    key BLOB NOT NULL CHECK (length(key) = 32),
    request BLOB NOT NULL CHECK (length(request) = 32),
    made TEXT NOT NULL,
    reply BLOB,
    is_open INTEGER NOT NULL DEFAULT 1 CHECK (is_open IN (0, 1)),
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (org_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX creations_by_age ON creations (created_ms);
CREATE INDEX monitors_by_schedule ON monitors (id) WHERE schedule IS NOT NULL;
CREATE TABLE maintenance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    org_id INTEGER NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    times TEXT NOT NULL,
    is_for_all INTEGER NOT NULL CHECK (is_for_all IN (0, 1)),
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX maintenance_by_org ON maintenance (org_id, id);
CREATE TABLE maintenance_tags (
    window_id INTEGER NOT NULL REFERENCES maintenance (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    org_id INTEGER NOT NULL,
    PRIMARY KEY (window_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX maintenance_tags_by_tag ON maintenance_tags (org_id, tag);
CREATE TABLE maintenance_monitors (
    window_id INTEGER NOT NULL REFERENCES maintenance (id) ON DELETE CASCADE,
    monitor_id INTEGER NOT NULL REFERENCES monitors (id) ON DELETE CASCADE,
    PRIMARY KEY (window_id, monitor_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX maintenance_monitors_by_monitor ON maintenance_monitors (monitor_id);
CREATE TABLE rule_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id INTEGER NOT NULL,
    monitor_id INTEGER,
    tag TEXT
) STRICT;
CREATE TRIGGER rule_changes_kept AFTER INSERT ON rule_changes
BEGIN DELETE FROM rule_changes WHERE id <= new.id - 20000; END;
CREATE TRIGGER rules_of_monitor_made AFTER INSERT ON monitors
WHEN new.schedule IS NOT NULL OR EXISTS (SELECT 1 FROM maintenance WHERE org_id = new.org_id)
BEGIN INSERT INTO rule_changes (org_id, monitor_id) VALUES (new.org_id, new.id); END;
CREATE TRIGGER rules_of_monitor_changed AFTER UPDATE OF version ON monitors
WHEN new.schedule IS NOT NULL OR EXISTS (SELECT 1 FROM maintenance WHERE org_id = new.org_id)
BEGIN INSERT INTO rule_changes (org_id, monitor_id) VALUES (new.org_id, new.id); END;
CREATE TRIGGER rules_of_tag_added AFTER INSERT ON monitor_tags
WHEN EXISTS (SELECT 1 FROM maintenance_tags WHERE org_id = new.org_id AND tag = new.tag)
BEGIN INSERT INTO rule_changes (org_id, monitor_id) VALUES (new.org_id, new.monitor_id); END;
CREATE TRIGGER rules_of_tag_gone AFTER DELETE ON monitor_tags
WHEN EXISTS (SELECT 1 FROM maintenance_tags WHERE org_id = old.org_id AND tag = old.tag)
BEGIN INSERT INTO rule_changes (org_id, monitor_id) VALUES (old.org_id, old.monitor_id); END;
CREATE TRIGGER metric_alert_window_made AFTER INSERT ON maintenance
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
CREATE TRIGGER metric_alert_window_changed AFTER UPDATE ON maintenance
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
CREATE TRIGGER metric_alert_window_gone AFTER DELETE ON maintenance
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
CREATE TRIGGER metric_alert_tag_added AFTER INSERT ON monitor_tags
WHEN EXISTS (SELECT 1 FROM maintenance_tags WHERE org_id = new.org_id AND tag = new.tag)
    AND EXISTS (SELECT 1 FROM metric_alerts WHERE monitor_id = new.monitor_id)
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
CREATE TRIGGER metric_alert_tag_gone AFTER DELETE ON monitor_tags
WHEN EXISTS (SELECT 1 FROM maintenance_tags WHERE org_id = old.org_id AND tag = old.tag)
    AND EXISTS (SELECT 1 FROM metric_alerts WHERE monitor_id = old.monitor_id)
BEGIN UPDATE metric_alert_changes SET count = count + 1; END;
