"""SQLite plumbing, and the only importer of aiosqlite.

What holds here: statements are explicit (no implicit transactions); a transaction takes the write lock at its start; errors
of SQLite leave as errors of ``core.errors`` (full disk, locked, damaged); the schema is what the numbered migrations make.
"""
