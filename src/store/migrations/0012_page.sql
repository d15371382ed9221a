-- What the status page asks for. Every question to the log is answered in the order of time, a
-- page at a time, so each index ends with the time. The first one has all that a question is about
-- but the person's id and the cycle's, so that whoever looks for a part of a name reads no bodies.
DROP INDEX provisioning_log_at;
DROP INDEX provisioning_log_source;
DROP INDEX provisioning_log_cycle;
CREATE INDEX provisioning_log_at ON provisioning_log (at, seq, status, action, source_name);
CREATE INDEX provisioning_log_source ON provisioning_log (source, at);
CREATE INDEX provisioning_log_cycle ON provisioning_log (cycle_id, at);
CREATE INDEX provisioning_log_status ON provisioning_log (status, at);
CREATE INDEX provisioning_log_action ON provisioning_log (action, at);
CREATE INDEX provisioning_log_name ON provisioning_log (source_name COLLATE NOCASE, source);

-- Counted while somebody looks, without reading what was exported to each account.
CREATE INDEX link_standing ON link (standing, kind, enabled);

-- The plan a page at a time, one action after the other.
CREATE INDEX planned_change_by_action ON planned_change (action);

CREATE INDEX escrow_since ON escrow (since, source);

-- Since when the phase under way goes on, and how far it was then: what its pace is told from.
ALTER TABLE progress ADD COLUMN phase_began INTEGER NOT NULL DEFAULT 0;  -- ms
ALTER TABLE progress ADD COLUMN phase_from  INTEGER NOT NULL DEFAULT 0;
