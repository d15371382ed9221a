-- Since when a person has been out of scope, counted only while `delete_after` is configured; ms.
ALTER TABLE source_user ADD COLUMN left_at INTEGER;

-- Changes that wait for the hours in which removals are sent, or need what such a removal frees.
CREATE TABLE waiting_change (
    source TEXT NOT NULL,
    target TEXT NOT NULL,                  -- '' for creates
    action TEXT NOT NULL,
    since  INTEGER NOT NULL,               -- ms
    PRIMARY KEY (source, target, action)
) STRICT, WITHOUT ROWID;
