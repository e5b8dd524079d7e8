-- Sealed volumes that are in the storage, as the ledger says. volume: its number, with the lane in it; seq: of the entry.
CREATE TABLE stored_volume (
    key TEXT PRIMARY KEY,
    volume INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
