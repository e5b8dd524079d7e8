-- Lanes: writers beside the archive's own, and what of each was applied. volume: its number, in which of a lane stands as well.
CREATE TABLE lane (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    volume INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
);

-- The entries of lanes up to reached are part of the archive since the entry seq of its own lane.
CREATE TABLE anchor (
    lane INTEGER NOT NULL,
    reached INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (lane, reached)
) WITHOUT ROWID;
