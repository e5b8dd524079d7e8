"""Statistics: mail over time, and the largest users, folders, senders and sizes."""
