"""Directories that users come from: Kerio's administration API, Active Directory and LDAP. Alone imports httpx and ldap3.

What holds here: a directory is only read; an answer that is empty, cut off or failed leaves as an error and never as a list of
people; every error leaves as ``ConnectError`` or ``DirectoryError`` with a remedy, and no password is in any text that leaves.
What the people found mean for the users that are known is decided in ``diff``, which is pure.
"""
