-- What a create without a known outcome sent, so that its account is found after a rename.
ALTER TABLE unsettled_create ADD COLUMN sent TEXT NOT NULL DEFAULT '{}';  -- JSON by SCIM path
-- 1: a create, whose values are ours; 0: an adoption, which found them.
ALTER TABLE unsettled_create ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
