-- What senders call themselves, each once; pings know it by its id. `last_ms` is the start of the last day on which it
-- was sent, so that what no kept day knows can go. Days from before hold the text itself (see history_writer.py).
CREATE TABLE user_agents (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE,
    last_ms INTEGER NOT NULL
) STRICT;
