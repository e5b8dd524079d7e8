"""The directory of users, and synchronisation with it."""
