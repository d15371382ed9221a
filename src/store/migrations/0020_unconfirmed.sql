-- What writes without a known outcome may have left at the account, so that it is known for ours
-- after a rename: a JSON list of values by SCIM path, each of them one write or what was read
-- before it. Empty once an outcome is known.
ALTER TABLE link ADD COLUMN unconfirmed TEXT NOT NULL DEFAULT '[]';
