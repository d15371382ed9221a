-- What a create without a known outcome sent, so that its account is found after a rename.
ALTER TABLE unsettled_create ADD COLUMN sent TEXT NOT NULL DEFAULT '{}';  -- JSON by SCIM path
