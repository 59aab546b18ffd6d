-- A channel whose receiver has asked never to be called again is disabled until somebody enables it. `epoch` counts how often
-- that was done: what was said in a former epoch disables nothing.
ALTER TABLE channels ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;
ALTER TABLE channels ADD COLUMN disabled_ms INTEGER;
