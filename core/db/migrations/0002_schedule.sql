-- When the schedule of a profile starts it next; schedule as it was when that was computed.
CREATE TABLE planned (
    profile TEXT PRIMARY KEY COLLATE NOCASE,
    schedule TEXT NOT NULL,
    next TEXT NOT NULL
) WITHOUT ROWID;

ALTER TABLE run ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
