-- Ids by which a server knows a message in whatever folder it shows it (Gmail's X-GM-MSGID), of messages that are archived;
-- size as the server told it.
CREATE TABLE server_identity (
    source TEXT NOT NULL,
    identity TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    PRIMARY KEY (source, identity)
) WITHOUT ROWID;
