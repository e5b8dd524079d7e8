-- When a folder was last listed whole: equal STATUS numbers are believed for a time only.
ALTER TABLE folder_state ADD COLUMN listed TEXT NOT NULL DEFAULT '';

-- What was left in a catch-all mailbox is known by its UID with these numbers only.
ALTER TABLE left_message ADD COLUMN size INTEGER;
ALTER TABLE left_message ADD COLUMN internaldate INTEGER;

-- What is known of each server, by its source name without the login: what it calls itself, the SHA-256 of the certificates
-- that it showed (a JSON list), and whether the sizes that it announces are known to be inexact.
CREATE TABLE server (
    name TEXT PRIMARY KEY,
    product TEXT NOT NULL,
    vendor TEXT NOT NULL,
    certificates TEXT NOT NULL,
    inexact INTEGER NOT NULL
) WITHOUT ROWID;
