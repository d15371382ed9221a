-- People and groups are decided by the same rules, so they are rows of the same tables, told apart
-- by `kind`: 0 user, 1 group. Ids at the target are unique within a kind only.
ALTER TABLE source_user RENAME TO source_object;
ALTER TABLE source_object ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
DROP INDEX source_user_dirty;
DROP INDEX source_user_manager;
DROP INDEX source_user_reconsider;
CREATE INDEX source_object_dirty ON source_object (kind, id) WHERE dirty = 1;
CREATE INDEX source_object_drafted ON source_object (kind, id) WHERE dirty = 2;
CREATE INDEX source_object_manager ON source_object (manager) WHERE manager IS NOT NULL;
CREATE INDEX source_object_reconsider ON source_object (reconsider_at)
    WHERE reconsider_at IS NOT NULL;

ALTER TABLE link RENAME TO old_link;
CREATE TABLE link (
    source      TEXT PRIMARY KEY,
    kind        INTEGER NOT NULL,
    target      TEXT NOT NULL,
    display     TEXT NOT NULL,
    exported    TEXT NOT NULL,              -- JSON by SCIM path
    enabled     INTEGER NOT NULL,           -- what `exported` says of active; unknown counts as 1
    standing    INTEGER NOT NULL,           -- 0 linked, 1 kept
    stale       INTEGER NOT NULL,           -- 1: read back before the next write
    linked_at   INTEGER NOT NULL,           -- ms
    is_hint     INTEGER NOT NULL DEFAULT 0, -- 1: which account to try first, and nothing more
    basis       TEXT NOT NULL DEFAULT '{}', -- JSON by SCIM path
    unconfirmed TEXT NOT NULL DEFAULT '[]', -- JSON list of values by SCIM path
    members_unread INTEGER NOT NULL DEFAULT 0, -- 1: a group whose members the target has to show
    UNIQUE (kind, target)
) STRICT, WITHOUT ROWID;
INSERT INTO link (source, kind, target, display, exported, enabled, standing, stale, linked_at,
    is_hint, basis, unconfirmed)
    SELECT source, 0, target, display, exported, enabled, standing, stale, linked_at, is_hint,
    basis, unconfirmed FROM old_link;
DROP TABLE old_link;

ALTER TABLE released RENAME TO old_released;
CREATE TABLE released (
    kind   INTEGER NOT NULL,
    target TEXT NOT NULL,
    source TEXT NOT NULL,
    at     INTEGER NOT NULL,               -- ms
    PRIMARY KEY (kind, target, source)
) STRICT, WITHOUT ROWID;
INSERT INTO released (kind, target, source, at) SELECT 0, target, source, at FROM old_released;
DROP TABLE old_released;

DROP TABLE survey_account;
DROP TABLE survey_key;
CREATE TABLE survey_account (
    kind     INTEGER NOT NULL,
    target   TEXT NOT NULL,
    "values" TEXT NOT NULL,                -- JSON by SCIM path
    PRIMARY KEY (kind, target)
) STRICT, WITHOUT ROWID;
CREATE TABLE survey_key (
    kind   INTEGER NOT NULL,
    path   TEXT NOT NULL,
    folded TEXT NOT NULL,                  -- the value in lower case; compared exactly later
    target TEXT NOT NULL,
    PRIMARY KEY (kind, path, folded, target)
) STRICT, WITHOUT ROWID;

ALTER TABLE planned_change ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE removal ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;

-- Whose members count for whom: a group for itself, and with nested groups every group inside it,
-- at any depth, for those around it that are assigned.
CREATE TABLE group_path (
    inner_id TEXT NOT NULL,
    outer_id TEXT NOT NULL,
    PRIMARY KEY (inner_id, outer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_path_outer ON group_path (outer_id);
-- Without nested groups, an assigned group stands for itself alone.
INSERT INTO group_path (inner_id, outer_id)
    SELECT DISTINCT principal, principal FROM assignment WHERE kind = 1;

-- The members that we made members of a group at the target.
CREATE TABLE member_link (
    group_id  TEXT NOT NULL,
    member_id TEXT NOT NULL,
    target    TEXT NOT NULL,               -- the member's id at the target
    doubt     INTEGER NOT NULL,            -- 1: a write without a known outcome may have ended it
    PRIMARY KEY (group_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_link_member ON member_link (member_id);

-- The members that a row of the plan adds to a group or takes out of it.
CREATE TABLE planned_member (
    seq        INTEGER NOT NULL,           -- planned_change.seq
    is_removal INTEGER NOT NULL,
    member_id  TEXT NOT NULL,
    target     TEXT,                       -- null: the member's account comes in this cycle
    counts     INTEGER NOT NULL,           -- 1: a removal that counts for the safeguards
    is_there   INTEGER NOT NULL,           -- 1: the target shows it done already; nothing is sent
    sent       INTEGER NOT NULL DEFAULT 0, -- 1: the request left, and its outcome is not known
    PRIMARY KEY (seq, is_removal, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX planned_member_member ON planned_member (member_id);

-- The members that a group has at the target, where they were read while a plan is drafted.
CREATE TABLE shown_member (
    group_id TEXT NOT NULL,
    target   TEXT NOT NULL,
    PRIMARY KEY (group_id, target)
) STRICT, WITHOUT ROWID;

-- What a safeguard holds of the members that are to be taken out of groups, and what a person
-- released of that.
CREATE TABLE held_member (
    group_id  TEXT NOT NULL,
    member_id TEXT NOT NULL,
    PRIMARY KEY (group_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE approved_member (
    group_id  TEXT NOT NULL,
    member_id TEXT NOT NULL,
    given_at  INTEGER NOT NULL,            -- ms
    PRIMARY KEY (group_id, member_id)
) STRICT, WITHOUT ROWID;

-- Members taken out of groups without an approval, counted over 24 hours.
CREATE TABLE membership_removal (
    at    INTEGER NOT NULL,                -- ms
    count INTEGER NOT NULL
) STRICT;
CREATE INDEX membership_removal_at ON membership_removal (at);
