-- Counts everything that changes what an organisation's fleet looks like, whoever does it, so that whoever keeps a list of
-- it reads it only then.
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
