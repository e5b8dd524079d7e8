-- The schema of archive.sqlite as all migrations make it, to be read; a test holds the two together.

CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL);

-- Where the projection stands: everything of the ledger up to seq has been applied.
CREATE TABLE applied (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    archive_id TEXT NOT NULL,
    volume INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
);

-- Lanes: writers beside the archive's own, and what of each was applied. volume: its number, in which of a lane stands as well.
CREATE TABLE lane (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    volume INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
);

-- The entries of lanes up to reached are part of the archive since the entry seq of its own lane.
CREATE TABLE anchor (
    lane INTEGER NOT NULL,
    reached INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (lane, reached)
) WITHOUT ROWID;

-- The projection of the ledger -----------------------------------------------------------------------------------------

CREATE TABLE user (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    login TEXT NOT NULL,
    full_name TEXT NOT NULL,
    removed INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    directory_id TEXT NOT NULL DEFAULT '',
    directory_addresses TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;

CREATE TABLE address (
    address TEXT PRIMARY KEY COLLATE NOCASE,
    user_id TEXT NOT NULL REFERENCES user (id),
    position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX address_user ON address (user_id);

CREATE TABLE profile (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    definition TEXT NOT NULL
) WITHOUT ROWID;

-- Where users come from, if they come from a directory.
CREATE TABLE directory (id INTEGER PRIMARY KEY CHECK (id = 1), definition TEXT NOT NULL);

-- canonical: SHA-256 of a message as it is with CRLF, NULL where it has that itself. twin_of: the message that stands for this
-- one, which differs in its line ends alone. volume_row: the row of a message in its volume, NULL in a volume of format 1.
CREATE TABLE "message" (
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
    twin_of INTEGER REFERENCES message (id),
    volume_row INTEGER
);
CREATE INDEX message_canonical ON message (canonical) WHERE canonical IS NOT NULL;
CREATE INDEX message_twin ON message (twin_of) WHERE twin_of IS NOT NULL;

-- Messages by the beginning of their SHA-256. New ones are in the first table; many at once go into the next one, in order, so
-- that no batch writes all over a large tree.
CREATE TABLE digest_0 (key BLOB NOT NULL, message_id INTEGER NOT NULL, PRIMARY KEY (key, message_id)) WITHOUT ROWID;
CREATE TABLE digest_1 (key BLOB NOT NULL, message_id INTEGER NOT NULL, PRIMARY KEY (key, message_id)) WITHOUT ROWID;
CREATE TABLE digest_2 (key BLOB NOT NULL, message_id INTEGER NOT NULL, PRIMARY KEY (key, message_id)) WITHOUT ROWID;

-- Parts of the open volume that messages may share, by the beginning of their SHA-256, and the number of that volume.
CREATE TABLE part_volume (id INTEGER PRIMARY KEY CHECK (id = 1), volume INTEGER NOT NULL);
CREATE TABLE part_0 (key BLOB NOT NULL, part_id INTEGER NOT NULL, PRIMARY KEY (key, part_id)) WITHOUT ROWID;
CREATE TABLE part_1 (key BLOB NOT NULL, part_id INTEGER NOT NULL, PRIMARY KEY (key, part_id)) WITHOUT ROWID;
CREATE TABLE part_2 (key BLOB NOT NULL, part_id INTEGER NOT NULL, PRIMARY KEY (key, part_id)) WITHOUT ROWID;

-- messages, bytes: of the messages that lie in it now.
CREATE TABLE folder (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES user (id),
    path TEXT NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, path)
);

-- Where a message was, from one ledger entry to another; until_seq NULL means still. date: of the message, or when it came
-- there if it has none, in seconds since 1970; NULL only until the entry has been applied.
CREATE TABLE placement (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message (id),
    folder_id INTEGER NOT NULL REFERENCES folder (id),
    since_seq INTEGER NOT NULL,
    until_seq INTEGER,
    date INTEGER
);
CREATE UNIQUE INDEX placement_now ON placement (folder_id, message_id) WHERE until_seq IS NULL;
CREATE INDEX placement_message ON placement (message_id);
CREATE INDEX placement_list ON placement (folder_id, date, message_id, since_seq, until_seq);
CREATE INDEX placement_undated ON placement (since_seq) WHERE date IS NULL;

-- Messages, each once, by the day on which they were sent (days since 1970 in UTC, -1 without a usable date), by class of size
-- (its least bytes), and by the domain of their sender (empty without one).
CREATE TABLE tally (
    kind TEXT NOT NULL,
    key NOT NULL,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- The day on which messages came into the archive: those from this id on, up to the next one here. Unknown before the first.
CREATE TABLE arrival (message_id INTEGER PRIMARY KEY, day INTEGER NOT NULL);

-- Messages by that day.
CREATE TABLE growth (day INTEGER PRIMARY KEY, messages INTEGER NOT NULL, bytes INTEGER NOT NULL);

-- What leaves a folder; what comes is counted for many messages at once.
CREATE TRIGGER placement_went AFTER DELETE ON placement WHEN OLD.until_seq IS NULL BEGIN
    UPDATE folder SET messages = messages - 1, bytes = bytes - coalesce((SELECT size FROM message WHERE id = OLD.message_id), 0)
        WHERE id = OLD.folder_id;
END;

CREATE TRIGGER placement_ended AFTER UPDATE OF until_seq ON placement WHEN OLD.until_seq IS NULL AND NEW.until_seq IS NOT NULL BEGIN
    UPDATE folder SET messages = messages - 1, bytes = bytes - coalesce((SELECT size FROM message WHERE id = OLD.message_id), 0)
        WHERE id = OLD.folder_id;
END;

CREATE TRIGGER placement_changed AFTER UPDATE OF message_id ON placement WHEN NEW.until_seq IS NULL BEGIN
    UPDATE folder SET bytes = bytes - coalesce((SELECT size FROM message WHERE id = OLD.message_id), 0)
        + coalesce((SELECT size FROM message WHERE id = NEW.message_id), 0) WHERE id = NEW.folder_id;
END;

CREATE TRIGGER message_resized AFTER UPDATE OF size ON message WHEN OLD.size <> NEW.size BEGIN
    UPDATE folder SET bytes = bytes - OLD.size + NEW.size
        WHERE id IN (SELECT folder_id FROM placement WHERE message_id = NEW.id AND until_seq IS NULL);
END;

-- What is known of the servers: one row per folder and UIDVALIDITY, one per UID. fetched: the bytes were read at this very
-- UID (else it came here by a move). delete_seq: the entry that said we delete it; with gone_seq: we did.
-- folder_id is NULL in a catch-all mailbox, whose messages are filed by person. report_header, report_size: of the journal
-- report that the server has, when the message that lay in it was archived.
CREATE TABLE source_folder (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    UNIQUE (source, name, uidvalidity)
);

CREATE TABLE "source_message" (
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
CREATE INDEX source_message_gone ON source_message (size, internaldate) WHERE gone_seq IS NOT NULL;
CREATE INDEX source_message_message ON source_message (message_id);
CREATE INDEX source_message_deleting ON source_message (source_folder_id) WHERE delete_seq IS NOT NULL AND gone_seq IS NULL;

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
    size INTEGER,
    internaldate INTEGER,
    PRIMARY KEY (source_folder_id, uid)
) WITHOUT ROWID;

CREATE TABLE left_address (
    source_folder_id INTEGER NOT NULL REFERENCES source_folder (id),
    uid INTEGER NOT NULL,
    address_id INTEGER NOT NULL REFERENCES unknown_address (id),
    PRIMARY KEY (source_folder_id, uid, address_id)
) WITHOUT ROWID;
CREATE INDEX left_address_address ON left_address (address_id);

-- State of this machine, not of the archive ----------------------------------------------------------------------------

CREATE TABLE password (profile TEXT PRIMARY KEY COLLATE NOCASE, box BLOB NOT NULL) WITHOUT ROWID;

-- A folder whose STATUS and rules are as they were when it was last complete need not be listed again. excluded: the UIDs
-- that the filter left out then; listed: when all of it was listed last. messages, uidvalidity, uidnext, modseq: of the same moment;
-- every message below uidnext was archived or left out.
CREATE TABLE folder_state (
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    signature TEXT NOT NULL,
    messages INTEGER NOT NULL,
    excluded TEXT NOT NULL,
    listed TEXT NOT NULL DEFAULT '',
    uidvalidity INTEGER NOT NULL DEFAULT 0,
    uidnext INTEGER NOT NULL DEFAULT 0,
    modseq INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, name)
) WITHOUT ROWID;

-- brief: what lists show of its result.
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    profile TEXT NOT NULL COLLATE NOCASE,
    status TEXT NOT NULL,
    requested TEXT NOT NULL,
    started TEXT,
    finished TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    dry_run INTEGER NOT NULL DEFAULT 0,
    resumed INTEGER NOT NULL DEFAULT 0,
    started_seq INTEGER NOT NULL DEFAULT 0,
    resumed_seq INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    automatic INTEGER NOT NULL DEFAULT 0,
    brief TEXT
);
-- One run of a profile at a time.
CREATE UNIQUE INDEX run_active ON run (profile) WHERE status IN ('queued', 'running', 'interrupted');
CREATE INDEX run_profile ON run (profile, id);

-- The JSON object of run --json.
CREATE TABLE run_result (
    run INTEGER PRIMARY KEY REFERENCES run (id),
    result TEXT NOT NULL
);

-- How far a run is: sums, and the mailboxes at work. change counts the writes.
CREATE TABLE run_progress (
    run INTEGER PRIMARY KEY REFERENCES run (id),
    at TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    change INTEGER NOT NULL DEFAULT 0
);

-- The latest problems and warnings of a run that goes on, written only when they change.
CREATE TABLE run_told (
    run INTEGER PRIMARY KEY REFERENCES run (id),
    told TEXT NOT NULL
);

-- The mailboxes of a run that goes on: a row counts while run_progress does not have its mailbox among those at work. change:
-- run_progress.change of the write that it came with.
CREATE TABLE run_mailbox (
    run INTEGER NOT NULL REFERENCES run (id),
    position INTEGER NOT NULL,
    change INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE INDEX run_mailbox_change ON run_mailbox (run, change);

CREATE TABLE run_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES run (id),
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX run_event_run ON run_event (run, id);

CREATE TABLE service (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,
    heartbeat TEXT NOT NULL,
    stop_requested INTEGER NOT NULL DEFAULT 0
);

-- When the schedule of a profile starts it next; schedule as it was when that was computed.
CREATE TABLE planned (
    profile TEXT PRIMARY KEY COLLATE NOCASE,
    schedule TEXT NOT NULL,
    next TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What the last verifications found wrong and no repair has mended; sha256 is of the message, if it is about one.
CREATE TABLE damage (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    text TEXT NOT NULL,
    sha256 BLOB,
    found TEXT NOT NULL,
    UNIQUE (place, text)
);

-- What is known of each server, by its source name without the login: what it calls itself, the SHA-256 of the certificates
-- that it showed (a JSON list), and whether the sizes that it announces are known to be inexact.
CREATE TABLE server (
    name TEXT PRIMARY KEY,
    product TEXT NOT NULL,
    vendor TEXT NOT NULL,
    certificates TEXT NOT NULL,
    inexact INTEGER NOT NULL
) WITHOUT ROWID;

-- Ids by which a server knows a message in whatever folder it shows it (Gmail's X-GM-MSGID), of messages that are archived;
-- size as the server told it.
CREATE TABLE server_identity (
    source TEXT NOT NULL,
    identity TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    PRIMARY KEY (source, identity)
) WITHOUT ROWID;

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

-- Sealed volumes that are in the storage, as the ledger says. volume: its number, with the lane in it; seq: of the entry.
CREATE TABLE stored_volume (
    key TEXT PRIMARY KEY,
    volume INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
