"""Users for the console: their pages, unknown addresses, and the directory that they come from."""
