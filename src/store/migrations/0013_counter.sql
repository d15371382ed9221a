-- What happened since the file was made, as sums that only grow. They are raised in the
-- transactions that record what they count, so that they outlive a restart.
CREATE TABLE counter (
    name   TEXT NOT NULL,
    labels TEXT NOT NULL,                  -- JSON: names and values, never of a person
    value  REAL NOT NULL,
    PRIMARY KEY (name, labels)
) STRICT, WITHOUT ROWID;
