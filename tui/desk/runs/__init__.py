"""Runs for the console: under way and past, their mailboxes and problems, comparisons, and workers on other machines."""
