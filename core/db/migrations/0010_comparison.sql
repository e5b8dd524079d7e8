-- How far the deep comparison of a profile's mailboxes with the archive came; ended is NULL while something is left to compare.
CREATE TABLE comparison (
    profile TEXT PRIMARY KEY COLLATE NOCASE,
    started TEXT NOT NULL,
    ended TEXT
) WITHOUT ROWID;

-- Messages that were read on the server and had the bytes of the archive: UIDs as a sequence set, and the first bytes of the
-- SHA-256 of each in the order of the UIDs.
CREATE TABLE compared (
    id INTEGER PRIMARY KEY,
    profile TEXT NOT NULL COLLATE NOCASE,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    at TEXT NOT NULL,
    uids TEXT NOT NULL,
    digests BLOB NOT NULL
);
CREATE INDEX compared_folder ON compared (profile, source, name, uidvalidity);
