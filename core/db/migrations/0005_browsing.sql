-- Folders are listed by date, at any point of a list of a million: all that this takes is in one index.
ALTER TABLE placement ADD COLUMN date INTEGER;
UPDATE placement SET date = (SELECT date FROM message WHERE message.id = placement.message_id);
CREATE INDEX placement_list ON placement (folder_id, date, message_id, since_seq, until_seq);
CREATE INDEX placement_undated ON placement (since_seq) WHERE date IS NULL;
