"""The schema of archive.sqlite as numbered SQL scripts, read with ``importlib.resources``."""
