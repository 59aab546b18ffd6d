-- How many events one delivery tells of: more than one where many monitors went down together.
ALTER TABLE deliveries ADD COLUMN events INTEGER NOT NULL DEFAULT 1;
