"""Search: the query language, the index (a projection of the messages), and hits."""
