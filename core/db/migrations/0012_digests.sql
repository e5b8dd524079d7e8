-- Messages by the beginning of their SHA-256. New ones are in the first table; many at once go into the next one, in order, so
-- that no batch writes all over a large tree.
CREATE TABLE digest_0 (key BLOB NOT NULL, message_id INTEGER NOT NULL, PRIMARY KEY (key, message_id)) WITHOUT ROWID;
CREATE TABLE digest_1 (key BLOB NOT NULL, message_id INTEGER NOT NULL, PRIMARY KEY (key, message_id)) WITHOUT ROWID;
CREATE TABLE digest_2 (key BLOB NOT NULL, message_id INTEGER NOT NULL, PRIMARY KEY (key, message_id)) WITHOUT ROWID;
INSERT INTO digest_2 (key, message_id) SELECT substr(sha256, 1, 8), id FROM message ORDER BY 1, 2;

CREATE TABLE message_anew (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL,
    volume INTEGER NOT NULL,
    size INTEGER NOT NULL,
    header_sha256 BLOB NOT NULL,
    subject TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    date INTEGER,
    message_id TEXT NOT NULL,
    attachments INTEGER NOT NULL,
    canonical BLOB,
    twin_of INTEGER REFERENCES message (id)
);
INSERT INTO message_anew SELECT id, sha256, volume, size, header_sha256, subject, sender, recipients, date, message_id,
    attachments, canonical, twin_of FROM message;
DROP TABLE message;
ALTER TABLE message_anew RENAME TO message;
CREATE INDEX message_canonical ON message (canonical) WHERE canonical IS NOT NULL;
CREATE INDEX message_twin ON message (twin_of) WHERE twin_of IS NOT NULL;
