-- What people are told of: one row per key (kind and cause) that is open, or over and not yet told.
CREATE TABLE notice (
    kind       TEXT NOT NULL,
    cause      TEXT NOT NULL,
    since      INTEGER NOT NULL,           -- ms; the first occurrence
    count      INTEGER NOT NULL,           -- how much there is now
    is_over    INTEGER NOT NULL,           -- 1: its end waits to be told
    sent_at    INTEGER,                    -- ms; when it was last told
    sent_count INTEGER,                    -- how much there was then
    version    INTEGER NOT NULL,
    body       TEXT NOT NULL,              -- JSON: what it says
    PRIMARY KEY (kind, cause)
) STRICT, WITHOUT ROWID;

-- When notices went out, for the limit per hour.
CREATE TABLE notice_sent (
    at INTEGER NOT NULL                    -- ms
) STRICT;

-- Mails and messages that wait for their server. Holds no credential: addresses of webhooks and
-- passwords are read when one is sent.
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,
    channel         TEXT NOT NULL,         -- mail | webhook N FORMAT
    queued_at       INTEGER NOT NULL,      -- ms
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER,               -- ms; null: given up
    error           TEXT,                  -- of the last attempt
    body            TEXT NOT NULL          -- JSON: the mail, or what the webhook is sent
) STRICT;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
