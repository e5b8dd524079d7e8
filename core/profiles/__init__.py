"""Profiles, folder rules, addresses: the administrator's settings for archiving. Pure: no files but the one given, no network.

Invariant: a profile that exists is valid; every refusal names the key, the line where there is one, and the allowed values.
"""
