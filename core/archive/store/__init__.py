"""The truth on disk: volumes, their ledger, and the writer. Knows no catalog."""
