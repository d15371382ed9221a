-- Comparisons of accounts with what was exported to them: the one under way, and the last that
-- came to its end.
CREATE TABLE drift_check (
    id      TEXT PRIMARY KEY,              -- the cycle that began it
    began   INTEGER NOT NULL,              -- ms
    ended   INTEGER,                       -- ms; null: under way
    version INTEGER NOT NULL,
    body    TEXT NOT NULL                  -- JSON: how far it is, and what it counted
) STRICT, WITHOUT ROWID;

-- What they found. `recorded` is 1 once the log has it and its correction is on its way.
CREATE TABLE drift_finding (
    seq      INTEGER PRIMARY KEY,
    check_id TEXT NOT NULL,
    object   INTEGER NOT NULL,             -- 0 user, 1 group
    kind     TEXT NOT NULL,                -- changed | missing | added
    source   TEXT,                         -- null: nobody is linked to it
    target   TEXT NOT NULL,
    recorded INTEGER NOT NULL DEFAULT 0,
    version  INTEGER NOT NULL,
    body     TEXT NOT NULL                 -- JSON: names and values
) STRICT;
CREATE INDEX drift_finding_by_check ON drift_finding (check_id, seq);
CREATE INDEX drift_finding_by_source ON drift_finding (source) WHERE source IS NOT NULL;

-- The accounts and groups that nobody was linked to when the target last listed all of them.
CREATE TABLE drift_unlinked (
    kind   INTEGER NOT NULL,               -- 0 user, 1 group
    target TEXT NOT NULL,
    PRIMARY KEY (kind, target)
) STRICT, WITHOUT ROWID;
