-- The recorder judges no breach in a maintenance window. It reads rules anew when this count grows: now also when a window
-- changes (whatever it names is written in the same transaction), or a tag that brings one to a monitor with rules.
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
