-- What the archive holds, counted as the catalog changes. messages, bytes: of the messages that lie in a folder now, each folder
-- for itself.
ALTER TABLE folder ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folder ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

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

UPDATE folder SET (messages, bytes) = (
    SELECT count(*), coalesce(sum(message.size), 0) FROM placement JOIN message ON message.id = placement.message_id
    WHERE placement.folder_id = folder.id AND placement.until_seq IS NULL
);

INSERT INTO tally (kind, key, messages, bytes)
    SELECT 'sent', CASE WHEN date >= 315532800 AND date < 4102444800 THEN date / 86400 ELSE -1 END, count(*), sum(size)
    FROM message GROUP BY 2;

INSERT INTO tally (kind, key, messages, bytes)
    SELECT 'size', CASE WHEN size < 10000 THEN 0 WHEN size < 100000 THEN 10000 WHEN size < 1000000 THEN 100000
        WHEN size < 10000000 THEN 1000000 ELSE 10000000 END, count(*), sum(size)
    FROM message GROUP BY 2;

INSERT INTO tally (kind, key, messages, bytes)
    SELECT 'domain', lower(rtrim(substr(rest, 1, instr(rest || ' ', ' ') - 1), '.')), count(*), sum(size) FROM (
        SELECT size, CASE WHEN instr(sender, '@') THEN replace(replace(replace(replace(replace(
            substr(sender, length(rtrim(sender, replace(sender, '@', ''))) + 1),
            '>', ' '), ',', ' '), ';', ' '), ')', ' '), '"', ' ') ELSE '' END AS rest FROM message
    ) GROUP BY 2;
