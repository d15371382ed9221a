-- What a decision changes of an object is small and changes often; its attributes are large and
-- rarely change. Apart, a decision about everybody writes a tenth, and attributes are stored one
-- after the other as they come, not in the order of random ids.
ALTER TABLE source_object RENAME TO old_source_object;
DROP INDEX source_object_dirty;
DROP INDEX source_object_drafted;
DROP INDEX source_object_manager;
DROP INDEX source_object_reconsider;
CREATE TABLE source_attributes (
    num        INTEGER PRIMARY KEY,
    attributes TEXT NOT NULL               -- JSON by Graph's names, nulls left out
) STRICT;
CREATE TABLE source_object (
    id              TEXT PRIMARY KEY,
    kind            INTEGER NOT NULL,      -- 0 user, 1 group
    presence        INTEGER NOT NULL,      -- 0 live, 1 soft-deleted, 2 deleted, 3 never seen
    dirty           INTEGER NOT NULL,      -- 0 clean, 1 dirty, 2 drafted in this cycle
    in_scope        INTEGER NOT NULL DEFAULT 0,
    misses          INTEGER NOT NULL DEFAULT 0, -- complete reads in a row that did not show it
    read_generation INTEGER NOT NULL DEFAULT 0, -- the complete reading that last showed it
    attributes_num  INTEGER,               -- source_attributes.num; null: none were ever read
    manager         TEXT,
    entitled_since  INTEGER,               -- ms
    missing_since   INTEGER,               -- ms; first read that said it is out of scope
    reconsider_at   INTEGER,               -- ms; a decision that read the clock
    left_at         INTEGER,               -- ms; counted only while `delete_after` is configured
    accesses        TEXT NOT NULL DEFAULT '{}' -- JSON: when each access was first seen
) STRICT, WITHOUT ROWID;
INSERT INTO source_attributes (num, attributes)
    SELECT row_number() OVER (ORDER BY id), attributes FROM old_source_object;
INSERT INTO source_object (id, kind, presence, dirty, in_scope, misses, read_generation,
    attributes_num, manager, entitled_since, missing_since, reconsider_at, left_at, accesses)
    SELECT id, kind, presence, dirty, in_scope, misses, read_generation,
    row_number() OVER (ORDER BY id), manager, entitled_since, missing_since, reconsider_at, left_at,
    accesses FROM old_source_object;
DROP TABLE old_source_object;
CREATE TRIGGER source_object_gone AFTER DELETE ON source_object BEGIN
    DELETE FROM source_attributes WHERE num = old.attributes_num;
END;
-- Everything that is read of an object, as one.
CREATE VIEW source_whole AS
    SELECT source_object.*, coalesce(source_attributes.attributes, '{}') AS attributes
    FROM source_object LEFT JOIN source_attributes ON source_attributes.num = attributes_num;

-- Counts that every cycle needs and that grow with the tenant: kept, not counted anew.
CREATE TABLE tally (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO tally (name, value)
    SELECT 'in_scope', count(*) FROM source_object WHERE in_scope = 1 AND presence = 0
    UNION ALL SELECT 'accounts', count(*) FROM link WHERE standing = 0 AND kind = 0
    UNION ALL SELECT 'enabled', count(*) FROM link WHERE standing = 0 AND kind = 0 AND enabled = 1
    UNION ALL SELECT 'groups', count(*) FROM link WHERE standing = 0 AND kind = 1
    UNION ALL SELECT 'member_links', count(*) FROM member_link
    UNION ALL SELECT 'paths_stale', 1
    UNION ALL SELECT 'users_unread', 1;
DROP INDEX link_standing;
CREATE TRIGGER link_added AFTER INSERT ON link WHEN new.standing = 0 BEGIN
    UPDATE tally SET value = value + 1 WHERE name = iif(new.kind = 0, 'accounts', 'groups');
    UPDATE tally SET value = value + 1 WHERE name = 'enabled' AND new.kind = 0 AND new.enabled = 1;
END;
CREATE TRIGGER link_removed AFTER DELETE ON link WHEN old.standing = 0 BEGIN
    UPDATE tally SET value = value - 1 WHERE name = iif(old.kind = 0, 'accounts', 'groups');
    UPDATE tally SET value = value - 1 WHERE name = 'enabled' AND old.kind = 0 AND old.enabled = 1;
END;
CREATE TRIGGER link_changed AFTER UPDATE OF standing, enabled ON link
    WHEN old.standing <> new.standing OR old.enabled <> new.enabled BEGIN
    UPDATE tally SET value = value + (new.standing = 0) - (old.standing = 0)
        WHERE name = iif(new.kind = 0, 'accounts', 'groups');
    UPDATE tally SET value = value + (new.standing = 0 AND new.enabled = 1)
        - (old.standing = 0 AND old.enabled = 1) WHERE name = 'enabled' AND new.kind = 0;
END;
CREATE TRIGGER member_link_added AFTER INSERT ON member_link BEGIN
    UPDATE tally SET value = value + 1 WHERE name = 'member_links';
END;
CREATE TRIGGER member_link_removed AFTER DELETE ON member_link BEGIN
    UPDATE tally SET value = value - 1 WHERE name = 'member_links';
END;
CREATE TRIGGER source_object_scoped AFTER UPDATE OF in_scope, presence ON source_object
    WHEN (old.in_scope = 1 AND old.presence = 0) <> (new.in_scope = 1 AND new.presence = 0) BEGIN
    UPDATE tally SET value = value + (new.in_scope = 1 AND new.presence = 0)
        - (old.in_scope = 1 AND old.presence = 0) WHERE name = 'in_scope';
END;
CREATE TRIGGER source_object_left AFTER DELETE ON source_object
    WHEN old.in_scope = 1 AND old.presence = 0 BEGIN
    UPDATE tally SET value = value - 1 WHERE name = 'in_scope';
END;

-- Whose members count for which group is worked out anew only after something changed that says so.
CREATE TRIGGER assignment_added AFTER INSERT ON assignment WHEN new.kind = 1 BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER assignment_removed AFTER DELETE ON assignment WHEN old.kind = 1 BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER source_group_added AFTER INSERT ON source_group BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER source_group_changed AFTER UPDATE OF presence ON source_group WHEN old.presence <> new.presence BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER source_group_removed AFTER DELETE ON source_group BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER nesting_added AFTER INSERT ON membership WHEN new.kind = 1 BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER nesting_changed AFTER UPDATE OF kind ON membership WHEN old.kind <> new.kind BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER nesting_removed AFTER DELETE ON membership WHEN old.kind = 1 BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER filter_principal_added AFTER INSERT ON filter_principal BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;
CREATE TRIGGER filter_principal_removed AFTER DELETE ON filter_principal BEGIN
    UPDATE tally SET value = 1 WHERE name = 'paths_stale' AND value = 0;
END;

-- Whoever is assigned and not known is looked for only after somebody may have become so.
CREATE TRIGGER user_assigned AFTER INSERT ON assignment BEGIN
    UPDATE tally SET value = 1 WHERE name = 'users_unread' AND value = 0;
END;
CREATE TRIGGER user_joined AFTER INSERT ON membership WHEN new.kind <> 1 BEGIN
    UPDATE tally SET value = 1 WHERE name = 'users_unread' AND value = 0;
END;
CREATE TRIGGER user_joined_as_such AFTER UPDATE OF kind ON membership WHEN old.kind <> new.kind BEGIN
    UPDATE tally SET value = 1 WHERE name = 'users_unread' AND value = 0;
END;
CREATE TRIGGER group_counts AFTER INSERT ON group_path BEGIN
    UPDATE tally SET value = 1 WHERE name = 'users_unread' AND value = 0;
END;
CREATE TRIGGER user_forgotten AFTER DELETE ON source_object BEGIN
    UPDATE tally SET value = 1 WHERE name = 'users_unread' AND value = 0;
END;

-- Objects by what is looked for among all of them in every cycle; each holds few rows at rest.
CREATE INDEX source_object_dirty ON source_object (kind, id) WHERE dirty = 1;
CREATE INDEX source_object_drafted ON source_object (kind, id) WHERE dirty = 2;
CREATE INDEX source_object_manager ON source_object (manager) WHERE manager IS NOT NULL;
CREATE INDEX source_object_reconsider ON source_object (reconsider_at)
    WHERE reconsider_at IS NOT NULL;
CREATE INDEX source_object_missed ON source_object (id)
    WHERE presence = 3 OR (misses > 0 AND presence <> 2);
CREATE INDEX link_hint ON link (source) WHERE is_hint = 1;

-- A row of the plan is found by its number, its person, its status or its action; its random id
-- needs no index. The last one counts the whole plan without reading a body.
ALTER TABLE planned_change RENAME TO old_planned_change;
DROP INDEX planned_change_by_phase;
DROP INDEX planned_change_by_source;
DROP INDEX planned_change_by_claim;
DROP INDEX planned_change_by_freed;
DROP INDEX planned_change_by_action;
CREATE TABLE planned_change (
    seq     INTEGER PRIMARY KEY,
    id      TEXT NOT NULL,
    cycle   TEXT NOT NULL,
    source  TEXT NOT NULL,
    target  TEXT,
    kind    INTEGER NOT NULL,              -- 0 user, 1 group
    action  TEXT NOT NULL,
    status  TEXT NOT NULL,
    phase   INTEGER NOT NULL,
    rank    INTEGER NOT NULL DEFAULT 0,
    again   INTEGER NOT NULL DEFAULT 0,    -- 1: its object stays dirty whatever happens
    frees   TEXT,                          -- the unique value it gives up, in lower case
    claims  TEXT,                          -- the unique value it takes, in lower case
    sent_at INTEGER,                       -- ms
    version INTEGER NOT NULL,              -- of the body; 1: JSON of the whole row
    body    TEXT NOT NULL                  -- JSON in its short form
) STRICT;
INSERT INTO planned_change (seq, id, cycle, source, target, kind, action, status, phase, rank, again,
    frees, claims, sent_at, version, body)
    SELECT seq, id, cycle, source, target, kind, action, status, phase, rank, again, frees, claims,
    sent_at, version, body FROM old_planned_change;
DROP TABLE old_planned_change;
CREATE INDEX planned_change_by_phase ON planned_change (status, phase, rank, seq);
CREATE INDEX planned_change_by_source ON planned_change (source);
CREATE INDEX planned_change_by_claim ON planned_change (claims) WHERE claims IS NOT NULL;
CREATE INDEX planned_change_by_freed ON planned_change (frees) WHERE frees IS NOT NULL;
CREATE INDEX planned_change_by_action ON planned_change (action, status, kind, phase);
