-- What lists show of a run that has ended stands in its row; the result, which may be megabytes, stands apart, since SQLite goes
-- through all of a long value to read what comes after it. failed_mailboxes counts only among several.
CREATE TABLE run_result (
    run INTEGER PRIMARY KEY REFERENCES run (id),
    result TEXT NOT NULL
);
INSERT INTO run_result (run, result) SELECT id, result FROM run WHERE result IS NOT NULL;

ALTER TABLE run ADD COLUMN brief TEXT;

UPDATE run SET brief = json_object(
    'totals', result -> '$.totals',
    'code', result -> '$.code',
    'values', result -> '$.values',
    'failed_mailboxes', (
        SELECT CASE WHEN count(*) > 1 THEN coalesce(sum(value ->> '$.status' = 'failed'), 0) ELSE 0 END
        FROM json_each(result, '$.mailboxes')
    ),
    'foreseen', (
        SELECT json_array(
            coalesce(sum(folder.value ->> '$.new'), 0),
            coalesce(sum(folder.value ->> '$.bytes'), 0),
            coalesce(sum(json_array_length(folder.value, '$.delete')), 0)
        )
        FROM json_each(result, '$.mailboxes') mailbox, json_each(mailbox.value, '$.folders') folder
    )
)
WHERE result IS NOT NULL;

ALTER TABLE run DROP COLUMN result;
