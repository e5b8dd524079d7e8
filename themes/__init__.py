"""The colour themes of the console: one ``*.toml`` file each, read with ``importlib.resources``; no code here."""
