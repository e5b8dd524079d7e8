-- Messages that differ in their line ends alone are one: canonical is the SHA-256 of a message as it is with CRLF, NULL where it
-- has that itself; twin_of is the message that stands for this one in lists, counts, searches and restores.
ALTER TABLE message ADD COLUMN canonical BLOB;
ALTER TABLE message ADD COLUMN twin_of INTEGER REFERENCES message (id);
CREATE INDEX message_canonical ON message (canonical) WHERE canonical IS NOT NULL;
CREATE INDEX message_twin ON message (twin_of) WHERE twin_of IS NOT NULL;
