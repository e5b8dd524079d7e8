-- A message of a catch-all mailbox has no folder of its own, and may be archived without the report that it came in.
CREATE TABLE source_message_anew (
    source_folder_id INTEGER NOT NULL REFERENCES source_folder (id),
    uid INTEGER NOT NULL,
    message_id INTEGER NOT NULL REFERENCES message (id),
    folder_id INTEGER REFERENCES folder (id),
    size INTEGER NOT NULL,
    internaldate INTEGER,
    flags TEXT NOT NULL,
    fetched INTEGER NOT NULL,
    delete_seq INTEGER,
    gone_seq INTEGER,
    report_header BLOB,
    report_size INTEGER,
    PRIMARY KEY (source_folder_id, uid)
) WITHOUT ROWID;
INSERT INTO source_message_anew
SELECT source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched, delete_seq, gone_seq, NULL, NULL
FROM source_message;
DROP TABLE source_message;
ALTER TABLE source_message_anew RENAME TO source_message;
CREATE INDEX source_message_gone ON source_message (size, internaldate) WHERE gone_seq IS NOT NULL;
CREATE INDEX source_message_message ON source_message (message_id);

-- How a catch-all profile filed mail: what is filed later goes where it would have gone then.
CREATE TABLE filing (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    incoming TEXT NOT NULL,
    outgoing TEXT NOT NULL,
    UNIQUE (source, incoming, outgoing)
);

-- Addresses that no user had when mail from or for them came. ours: in one of our domains.
CREATE TABLE unknown_address (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,
    domain TEXT NOT NULL,
    ours INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    messages INTEGER NOT NULL
);

-- Which messages these were, until they were filed; folder_id: where the catch-all archive has a copy.
CREATE TABLE unknown_message (
    address_id INTEGER NOT NULL REFERENCES unknown_address (id),
    message_id INTEGER NOT NULL REFERENCES message (id),
    sent INTEGER NOT NULL,
    filing_id INTEGER NOT NULL REFERENCES filing (id),
    folder_id INTEGER REFERENCES folder (id),
    resolved_seq INTEGER,
    PRIMARY KEY (message_id, address_id, sent)
) WITHOUT ROWID;
CREATE INDEX unknown_message_open ON unknown_message (address_id, message_id) WHERE resolved_seq IS NULL;

-- Addresses, and domains with @ before them, that are said to be not ours.
CREATE TABLE not_ours (pattern TEXT PRIMARY KEY) WITHOUT ROWID;

-- Messages left in a catch-all mailbox because nobody of theirs was known. reading: which fields of the header were read.
CREATE TABLE left_message (
    source_folder_id INTEGER NOT NULL REFERENCES source_folder (id),
    uid INTEGER NOT NULL,
    reading TEXT NOT NULL,
    addresses TEXT NOT NULL,
    PRIMARY KEY (source_folder_id, uid)
) WITHOUT ROWID;

CREATE TABLE left_address (
    source_folder_id INTEGER NOT NULL REFERENCES source_folder (id),
    uid INTEGER NOT NULL,
    address_id INTEGER NOT NULL REFERENCES unknown_address (id),
    PRIMARY KEY (source_folder_id, uid, address_id)
) WITHOUT ROWID;
CREATE INDEX left_address_address ON left_address (address_id);
