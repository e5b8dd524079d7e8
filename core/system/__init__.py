"""This machine: processes, accounts, folders held open, limits of a process, its log and its tasks."""
