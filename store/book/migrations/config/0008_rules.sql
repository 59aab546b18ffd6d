-- What is asked of a monitor beyond interval and grace. One with a `schedule` (a cron rule, in a time zone) is due by that;
-- its interval is then the longest time between two ticks. 0: no limit, no reminder.
ALTER TABLE monitors ADD COLUMN schedule TEXT;
ALTER TABLE monitors ADD COLUMN timezone TEXT;
ALTER TABLE monitors ADD COLUMN max_runtime_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE monitors ADD COLUMN failures INTEGER NOT NULL DEFAULT 1;
ALTER TABLE monitors ADD COLUMN reminder_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE monitors ADD COLUMN armed_by_ping INTEGER NOT NULL DEFAULT 0;

CREATE INDEX monitors_by_schedule ON monitors (id) WHERE schedule IS NOT NULL;

-- Times in which no alert is raised. `times` is JSON: once, weekly, or by a cron rule. A window is for all monitors of its
-- organisation, or for those that have one of its tags or are named by it.
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

-- The columns of the key come first: else SQLite 3.40 calls a sound table damaged (integrity_check).
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

-- Whose rules have to be worked out anew: a monitor's, those of all monitors with a tag, or of all of an organisation.
-- Who reads it and finds a gap reads everything.
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
