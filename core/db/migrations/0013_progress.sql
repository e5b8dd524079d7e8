-- Progress as differences: run_progress has what is small, a row for each mailbox changes only when it begins or ends, and
-- change numbers tell what was written after a look. Of runs that have ended their result has the rest.
ALTER TABLE run_progress ADD COLUMN change INTEGER NOT NULL DEFAULT 0;

CREATE TABLE run_told (
    run INTEGER PRIMARY KEY REFERENCES run (id),
    told TEXT NOT NULL
);

CREATE TABLE run_mailbox (
    run INTEGER NOT NULL REFERENCES run (id),
    position INTEGER NOT NULL,
    change INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE INDEX run_mailbox_change ON run_mailbox (run, change);

INSERT INTO run_told (run, told)
SELECT run, json_object(
    'problems', coalesce(snapshot -> '$.problems', json('[]')),
    'warnings', coalesce(snapshot -> '$.warnings', json('[]'))
)
FROM run_progress WHERE run IN (SELECT id FROM run WHERE status IN ('queued', 'running', 'interrupted'));

INSERT INTO run_mailbox (run, position, change, line)
SELECT run, mailbox.key, 0, json_array(
    mailbox.value -> 'mailbox', mailbox.value -> 'user', mailbox.value -> 'phase', mailbox.value -> 'status',
    mailbox.value -> 'folder', mailbox.value -> 'messages_total', mailbox.value -> 'messages_done',
    mailbox.value -> 'bytes_total', mailbox.value -> 'bytes_done', mailbox.value -> 'archived', mailbox.value -> 'moved',
    mailbox.value -> 'failed', coalesce(mailbox.value -> 'waits_until', json('""'))
)
FROM run_progress, json_each(snapshot, '$.mailboxes') mailbox
WHERE run IN (SELECT id FROM run WHERE status IN ('queued', 'running', 'interrupted'));

-- How much of a run was done is told by its mailboxes that were, until it goes on.
UPDATE run_progress SET snapshot = json_set(
    json_remove(snapshot, '$.mailboxes', '$.problems', '$.warnings'),
    '$.moving', json('{}'),
    '$.share', 1.0 * (snapshot ->> '$.mailboxes_done') / max(snapshot ->> '$.mailboxes_total', 1)
);
