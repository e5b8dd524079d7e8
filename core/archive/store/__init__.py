"""The truth on disk: volumes, the ledger in them, and the way of a message into one. Knows no catalog."""
