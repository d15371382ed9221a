-- What writes without a known outcome may have left at the account, so that it is known for ours
-- after a rename: a JSON list of values by SCIM path, each of them one write or what was read
-- before it. Empty once an outcome is known.
ALTER TABLE link ADD COLUMN unconfirmed TEXT NOT NULL DEFAULT '[]';

-- The same of an account that is looked for: of an adoption without a known outcome, what it wrote.
ALTER TABLE unsettled_create ADD COLUMN unconfirmed TEXT NOT NULL DEFAULT '[]';

CREATE INDEX planned_change_by_freed ON planned_change (frees) WHERE frees IS NOT NULL;
