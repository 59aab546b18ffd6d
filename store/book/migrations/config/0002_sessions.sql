-- What signs the cookies of people who are signed in to the pages; drawn at the first start.
CREATE TABLE session_secret (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;
