"""The archive on disk: volumes (the truth) and the catalog (a projection of them).

The format, version 1
=====================
A home folder, mode 0700, holds::

    volumes/000001.sqlite ...   the truth: parts, messages, ledger; append only; sealed when full, then read-only
    archive.sqlite              the catalog (a projection of the ledger) and this machine's state: runs, stored passwords
    secret.key                  encrypts stored passwords
    seals/                      time stamps of seals (RFC 3161), one file each: entry, hash of the file
    service.lock                flock of the one service of this home

A volume is a SQLite file (rollback journal in TRUNCATE mode, synchronous=FULL, pages of 16 KiB, application_id
0x41524356 "ARCV") with four tables::

    meta(key, value)                             format          1
                                                 archive_id      32 hexadecimal digits, equal in all volumes
                                                 number          1, 2, 3 ...
                                                 previous_seq    last ledger seq of the volume before (0 in the first)
                                                 previous_hash   hash of that entry (32 zero bytes in the first)
                                                 sealed          time of sealing; absent while the volume is open
    part(id, sha256, codec, size, data)          content; sha256 and size are of the plain bytes; codec 0 plain, 1 zstd
    message(sha256, size, recipe)                sha256 and size of the whole raw message as the server sent it
    ledger(seq, at, kind, actor, payload, hash)

*Recipe*: ids of parts of the same volume, each 8 bytes big-endian; the message is their concatenation. So a volume can be read
alone. Bodies of MIME leaves from 16 KiB up are parts of their own (at most 8 MiB each), so one attachment sent to forty
people is kept once; equal parts are found within a volume, equal messages within the archive.

*Ledger*: ``seq`` counts 1, 2, 3 ... through all volumes. ``payload`` is zstd-compressed JSON (UTF-8, sorted keys) with
a version ``v``. ::

    hash = SHA-256(hash of the entry before | len(at) at | len(kind) kind | len(actor) actor | SHA-256(plain payload))

lengths are 4 bytes big-endian, texts UTF-8, ``|`` is concatenation. Kinds and their payloads stand in ``store.entries``.

*Write order* of a batch: one transaction in the open volume (parts, messages, ledger entry), durable; then one transaction in
archive.sqlite that applies the entry and records its seq. After a crash the next start applies what is missing. Nothing in
archive.sqlite is needed to read what was archived: ``rebuild`` replays the volumes.

*Sealing*: a volume over the size limit is sealed (``meta.sealed``); then the next is made under a temporary name, synced and
renamed, carrying the last hash of the one before. Any process may append: who writes holds SQLite's lock on the open
volume and reads the chain's end inside that transaction.

What holds here: the parts of a message cover it from its first byte to its last, in order, or it is kept whole; what is in a
volume is never updated or deleted.
"""
