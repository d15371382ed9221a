-- What the pages of a first reading show, in the order in which they came. Sorted into the other
-- tables once the reading is complete, and empty from then on.
CREATE TABLE first_reading (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL,
    presence      INTEGER NOT NULL,        -- as in source_object
    tells_manager INTEGER NOT NULL,        -- 1: `manager` is what the page says
    manager       TEXT,
    attributes    TEXT NOT NULL,           -- both as in source_attributes
    packed        BLOB
) STRICT;
