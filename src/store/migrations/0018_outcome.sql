-- How a row went, beside what was planned: a plan for a whole tenant is not written twice.
ALTER TABLE planned_change ADD COLUMN outcome TEXT; -- JSON list in its short form: added steps

-- Groups are few among the people of a tenant.
CREATE INDEX source_object_group ON source_object (id) WHERE kind = 1;
