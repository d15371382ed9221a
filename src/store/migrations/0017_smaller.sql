-- The three long texts that there is one of for each person or event, in a packed form. It stands in
-- a column beside the text, so that an upgrade rewrites no row: exactly one of the two is filled, and
-- a text in an old row is read as it is until the row is written again.
ALTER TABLE provisioning_log ADD COLUMN packed BLOB;   -- null: the text is in `body`
ALTER TABLE link ADD COLUMN packed BLOB;               -- null: the text is in `exported`
ALTER TABLE source_attributes ADD COLUMN packed BLOB;  -- null: the text is in `attributes`
DROP VIEW source_whole;
CREATE VIEW source_whole AS
    SELECT source_object.*,
        unpacked(coalesce(source_attributes.packed, source_attributes.attributes, '{}'))
        AS attributes
    FROM source_object LEFT JOIN source_attributes ON source_attributes.num = attributes_num;
