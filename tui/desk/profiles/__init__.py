"""Profiles for the console: described in words, and as drafts that its forms make, test and save."""
