-- volume_row: the row of a message in its volume, NULL in a volume of format 1.
ALTER TABLE message ADD COLUMN volume_row INTEGER;

-- Parts of the open volume that messages may share, by the beginning of their SHA-256, and the number of that volume.
CREATE TABLE part_volume (id INTEGER PRIMARY KEY CHECK (id = 1), volume INTEGER NOT NULL);
CREATE TABLE part_0 (key BLOB NOT NULL, part_id INTEGER NOT NULL, PRIMARY KEY (key, part_id)) WITHOUT ROWID;
CREATE TABLE part_1 (key BLOB NOT NULL, part_id INTEGER NOT NULL, PRIMARY KEY (key, part_id)) WITHOUT ROWID;
CREATE TABLE part_2 (key BLOB NOT NULL, part_id INTEGER NOT NULL, PRIMARY KEY (key, part_id)) WITHOUT ROWID;
