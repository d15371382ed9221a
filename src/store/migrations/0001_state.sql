-- What this state file belongs to, and single facts about the job.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Where each round of changes stands. The link moves only with the page it came on.
CREATE TABLE chain (
    name       TEXT PRIMARY KEY,           -- 'users', or 'groups:N'
    link       TEXT,                       -- nextLink or deltaLink; null: read from the beginning
    complete   INTEGER NOT NULL,           -- 1: link is a deltaLink
    taken_at   INTEGER NOT NULL,           -- ms; when the link was given
    generation INTEGER NOT NULL,           -- of the last reading from the beginning
    members    TEXT NOT NULL DEFAULT '[]'  -- JSON: the ids a filtered chain follows
) STRICT, WITHOUT ROWID;

CREATE TABLE app_role (
    id           TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    value        TEXT,
    is_enabled   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE assignment (
    principal TEXT NOT NULL,
    role      TEXT NOT NULL,
    kind      INTEGER NOT NULL,            -- 0 user, 1 group, 2 service principal
    display   TEXT NOT NULL,               -- the principal's name when it was assigned
    PRIMARY KEY (principal, role)
) STRICT, WITHOUT ROWID;

-- A complete listing under way; compared with `assignment` once its last page is here.
CREATE TABLE assignment_incoming (
    principal TEXT NOT NULL,
    role      TEXT NOT NULL,
    kind      INTEGER NOT NULL,
    display   TEXT NOT NULL,
    PRIMARY KEY (principal, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE source_group (
    id           TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    presence     INTEGER NOT NULL          -- as source_user.presence
) STRICT, WITHOUT ROWID;

CREATE TABLE membership (
    group_id   TEXT NOT NULL,
    member_id  TEXT NOT NULL,
    kind       INTEGER NOT NULL,           -- 0 user, 1 group, 2 anything else
    generation INTEGER NOT NULL,           -- the chain reading that last confirmed it
    PRIMARY KEY (group_id, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_by_member ON membership (member_id);

CREATE TABLE source_user (
    id              TEXT PRIMARY KEY,
    attributes      TEXT NOT NULL,         -- JSON by Graph's names, nulls left out
    presence        INTEGER NOT NULL,      -- 0 live, 1 soft-deleted, 2 deleted, 3 never seen
    manager         TEXT,
    dirty           INTEGER NOT NULL,      -- 0 clean, 1 dirty, 2 drafted in this cycle
    in_scope        INTEGER NOT NULL DEFAULT 0,
    entitled_since  INTEGER,               -- ms
    missing_since   INTEGER,               -- ms; first read that said it is out of scope
    misses          INTEGER NOT NULL DEFAULT 0, -- complete reads in a row that did not show it
    reconsider_at   INTEGER,               -- ms; a decision that read the clock
    read_generation INTEGER NOT NULL DEFAULT 0  -- the complete reading that last showed it
) STRICT, WITHOUT ROWID;
CREATE INDEX source_user_dirty ON source_user (id) WHERE dirty = 1;
CREATE INDEX source_user_manager ON source_user (manager) WHERE manager IS NOT NULL;
CREATE INDEX source_user_reconsider ON source_user (reconsider_at) WHERE reconsider_at IS NOT NULL;

-- Whose account is whose, and what was last exported to it.
CREATE TABLE link (
    source    TEXT PRIMARY KEY,
    target    TEXT NOT NULL UNIQUE,
    display   TEXT NOT NULL,
    exported  TEXT NOT NULL,               -- JSON by SCIM path
    enabled   INTEGER NOT NULL,            -- what `exported` says of active; unknown counts as 1
    standing  INTEGER NOT NULL,            -- 0 linked, 1 kept
    stale     INTEGER NOT NULL,            -- 1: read back before the next write
    linked_at INTEGER NOT NULL             -- ms
) STRICT, WITHOUT ROWID;

-- Accounts that once belonged to somebody. They are never adopted by anybody else.
CREATE TABLE released (
    target TEXT NOT NULL,
    source TEXT NOT NULL,
    at     INTEGER NOT NULL,               -- ms
    PRIMARY KEY (target, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE unsettled_create (
    source    TEXT PRIMARY KEY,
    sent_at   INTEGER NOT NULL,            -- ms
    looks     INTEGER NOT NULL,
    last_look TEXT                         -- cycle id
) STRICT, WITHOUT ROWID;

-- The accounts of the target, projected on the mapped paths, while a cycle matches.
CREATE TABLE survey_account (
    target TEXT PRIMARY KEY,
    "values" TEXT NOT NULL                 -- JSON by SCIM path
) STRICT, WITHOUT ROWID;
CREATE TABLE survey_key (
    path   TEXT NOT NULL,
    folded TEXT NOT NULL,                  -- the value in lower case; compared exactly later
    target TEXT NOT NULL,
    PRIMARY KEY (path, folded, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE cycle (
    id       TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,
    kind     TEXT NOT NULL,                -- initial | incremental
    began    INTEGER NOT NULL,             -- ms
    ended    INTEGER,                      -- ms
    report   TEXT                          -- JSON
) STRICT, WITHOUT ROWID;
CREATE INDEX cycle_by_seq ON cycle (seq);

-- The last drafted plan. `body` is JSON; `version` says of which shape.
CREATE TABLE planned_change (
    seq     INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    cycle   TEXT NOT NULL,
    source  TEXT NOT NULL,
    target  TEXT,
    action  TEXT NOT NULL,
    status  TEXT NOT NULL,
    phase   INTEGER NOT NULL,
    rank    INTEGER NOT NULL DEFAULT 0,
    again   INTEGER NOT NULL DEFAULT 0,    -- 1: its object stays dirty whatever happens
    frees   TEXT,                          -- the unique value it gives up, in lower case
    claims  TEXT,                          -- the unique value it takes, in lower case
    sent_at INTEGER,                       -- ms
    version INTEGER NOT NULL,
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX planned_change_by_phase ON planned_change (status, phase, rank, seq);
CREATE INDEX planned_change_by_source ON planned_change (source);
CREATE INDEX planned_change_by_claim ON planned_change (claims) WHERE claims IS NOT NULL;

CREATE TABLE escrow (
    source   TEXT PRIMARY KEY,
    since    INTEGER NOT NULL,             -- ms
    failures INTEGER NOT NULL,
    code     TEXT NOT NULL,
    detail   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a safeguard holds now.
CREATE TABLE held_change (
    source  TEXT NOT NULL,
    target  TEXT NOT NULL,                 -- '' for creates
    action  TEXT NOT NULL,
    plan    TEXT NOT NULL,
    since   INTEGER NOT NULL,              -- ms
    PRIMARY KEY (source, target, action)
) STRICT, WITHOUT ROWID;

-- What a person released: exactly these rows, for 24 hours.
CREATE TABLE approval (
    source   TEXT NOT NULL,
    target   TEXT NOT NULL,
    action   TEXT NOT NULL,
    plan     TEXT NOT NULL,
    given_at INTEGER NOT NULL,             -- ms
    given_by TEXT NOT NULL,
    PRIMARY KEY (source, target, action)
) STRICT, WITHOUT ROWID;

-- Removals carried out without an approval, counted over 24 hours.
CREATE TABLE removal (
    at     INTEGER NOT NULL,               -- ms
    source TEXT NOT NULL,
    action TEXT NOT NULL
) STRICT;
CREATE INDEX removal_at ON removal (at);

-- Commands from other processes; the engine answers beside them.
CREATE TABLE command (
    id       INTEGER PRIMARY KEY,
    verb     TEXT NOT NULL,
    args     TEXT NOT NULL,                -- JSON
    given_by TEXT NOT NULL,                -- operating-system user
    given_at INTEGER NOT NULL,             -- ms
    taken_at INTEGER,                      -- ms
    done_at  INTEGER,                      -- ms
    answer   TEXT                          -- JSON
) STRICT;

-- What the engine is doing right now; one row, written at most once a second.
CREATE TABLE progress (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    cycle TEXT NOT NULL,
    phase TEXT NOT NULL,
    done  INTEGER NOT NULL,
    total INTEGER,
    at    INTEGER NOT NULL                 -- ms
) STRICT;

-- The provisioning log (Graph provisioningObjectSummary). `body` is JSON of the rest.
CREATE TABLE provisioning_log (
    seq         INTEGER PRIMARY KEY,
    change_id   TEXT NOT NULL,
    cycle_id    TEXT NOT NULL,
    at          INTEGER NOT NULL,          -- ms
    duration_ms INTEGER NOT NULL,
    action      TEXT NOT NULL,             -- plan action
    status      TEXT NOT NULL,             -- success | warning | failure | skipped
    source      TEXT NOT NULL,
    source_name TEXT NOT NULL,
    target      TEXT,
    target_name TEXT,
    code        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    body        TEXT NOT NULL
) STRICT;
CREATE INDEX provisioning_log_at ON provisioning_log (at);
CREATE INDEX provisioning_log_source ON provisioning_log (source);
CREATE INDEX provisioning_log_cycle ON provisioning_log (cycle_id);
