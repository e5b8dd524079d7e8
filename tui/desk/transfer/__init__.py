"""Files and mailboxes for the console: exports, imports, backups and restores, as jobs."""
