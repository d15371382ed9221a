-- When an object that failed is tried again: in the cycle of this number, or once this moment is
-- there. Whoever changes in the directory is decided again at once.
ALTER TABLE escrow ADD COLUMN due_cycle  INTEGER DEFAULT 0;           -- null: by the clock alone
ALTER TABLE escrow ADD COLUMN due_at     INTEGER;                     -- ms; null: by cycles alone
ALTER TABLE escrow ADD COLUMN last_cycle INTEGER NOT NULL DEFAULT 0;  -- in which it last failed
ALTER TABLE escrow ADD COLUMN is_removal INTEGER NOT NULL DEFAULT 0;  -- 1: access remains
ALTER TABLE escrow ADD COLUMN given_up   INTEGER NOT NULL DEFAULT 0;  -- 1: until somebody asks

-- 1: nobody knows whether it was carried out. Tried again it is the same removal, and counts once.
ALTER TABLE removal ADD COLUMN is_unknown INTEGER NOT NULL DEFAULT 0;
