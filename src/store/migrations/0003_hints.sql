-- A person asked for accounts to be matched anew: the link of somebody in scope is a hint, which
-- account to try first. Of anybody else it stays what it is.
ALTER TABLE link ADD COLUMN is_hint INTEGER NOT NULL DEFAULT 0;

-- JSON by SCIM path: what exported values rest on that are not computed anew each time.
ALTER TABLE link ADD COLUMN basis TEXT NOT NULL DEFAULT '{}';
