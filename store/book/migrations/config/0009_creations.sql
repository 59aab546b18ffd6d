-- What was created by calls with an Idempotency-Key, so that a call that is sent again creates nothing twice. `key` and `request`
-- are SHA-256 digests, `made` is the id of what was created. `reply` has no secret in it; it is missing until the call is
-- answered, and when it was answered with an error after all.
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
