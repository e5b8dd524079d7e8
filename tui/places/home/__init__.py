"""Home, with its profiles, and the first page of a home without an archive."""
