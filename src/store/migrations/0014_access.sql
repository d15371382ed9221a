-- When each access that a person or a group has, a role by the path it comes through, was first seen,
-- by fingerprint: JSON. Empty: as old as `entitled_since` says.
ALTER TABLE source_object ADD COLUMN accesses TEXT NOT NULL DEFAULT '{}';

-- Which reading last showed a group is counted as for its memberships, by the generation of the
-- chain that follows it.
INSERT OR IGNORE INTO fact (name, value) SELECT 'group_generation', max(
    coalesce((SELECT max(generation) FROM membership), 0),
    coalesce((SELECT max(generation) FROM chain WHERE name <> 'users'), 0));
UPDATE source_object
    SET read_generation = (SELECT value FROM fact WHERE name = 'group_generation') WHERE kind = 1;
