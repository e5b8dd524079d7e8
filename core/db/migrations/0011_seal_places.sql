-- Places outside the home that seals are sent to, and how that went last. definition: JSON, never with a password. at: when it
-- was last tried; seq, hash, entry_at, sent: the last seal that arrived there, NULL when none did; failure: why the last try
-- failed, empty when it did not; broken: the archive has not any more what was sealed there.
CREATE TABLE seal_place (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    definition TEXT NOT NULL,
    at TEXT,
    sent TEXT,
    seq INTEGER,
    hash BLOB,
    entry_at TEXT,
    failure TEXT NOT NULL DEFAULT '',
    failures INTEGER NOT NULL DEFAULT 0,
    broken INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
