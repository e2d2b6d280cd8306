-- What the operator has set and not lifted, and the number of the last command that was applied.
CREATE TABLE standings (
    scope TEXT PRIMARY KEY,
    payload TEXT NOT NULL
) STRICT;

INSERT INTO meta (key, value) VALUES ('last_command', '0');
