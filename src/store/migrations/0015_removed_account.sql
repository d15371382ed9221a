-- Which account a removal was about. Somebody whose account is gone may have another one by now, and
-- its removal is one of its own.
ALTER TABLE removal ADD COLUMN target TEXT;
