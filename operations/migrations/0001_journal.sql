-- The journal: what happened (events, append-only), what it adds up to (ledgers, folded in the same
-- transaction), and the newest good frame of each source.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_symbol ON events (account, symbol, sequence);

CREATE TABLE ledgers (
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (account, symbol)
) STRICT;

CREATE TABLE frames (
    source TEXT PRIMARY KEY,
    payload TEXT NOT NULL
) STRICT;
