"""The directory that users come from, and synchronising with it."""
