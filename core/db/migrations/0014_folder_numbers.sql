-- A folder's numbers when it was last complete: every message below UIDNEXT was accounted for, however many there were.
ALTER TABLE folder_state ADD COLUMN uidvalidity INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folder_state ADD COLUMN uidnext INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folder_state ADD COLUMN modseq INTEGER NOT NULL DEFAULT 0;

-- Deletions of which the outcome is not known are looked for in every run.
CREATE INDEX source_message_deleting ON source_message (source_folder_id) WHERE delete_seq IS NOT NULL AND gone_seq IS NULL;
