-- The groups and managers that scoping filters name, by the text that names them.
CREATE TABLE filter_principal (
    kind INTEGER NOT NULL,                 -- 0 group, 1 manager
    text TEXT NOT NULL,
    id   TEXT NOT NULL,
    PRIMARY KEY (kind, text)
) STRICT, WITHOUT ROWID;
