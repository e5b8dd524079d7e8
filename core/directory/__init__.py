"""Directories that users come from: Kerio's administration API, Active Directory and LDAP. Alone imports httpx and ldap3.

What holds here: a directory is only read; an answer that is empty, cut off or failed leaves as an error and never as a list of
people; every error leaves as ``ConnectError`` or ``DirectoryError`` with a remedy, and errors contain no password. ``diff``,
which is pure, compares the found people with the known users.
"""
