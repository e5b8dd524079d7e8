-- Users who come from a directory, by its permanent id, with the addresses that it gave them (a JSON list).
ALTER TABLE user ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user ADD COLUMN directory_id TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN directory_addresses TEXT NOT NULL DEFAULT '[]';

-- Where users come from, if they come from a directory.
CREATE TABLE directory (id INTEGER PRIMARY KEY CHECK (id = 1), definition TEXT NOT NULL);
