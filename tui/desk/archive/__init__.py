"""Archived mail for the console: owners, folders and lists, one message, and the search."""
