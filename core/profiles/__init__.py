"""What an administrator wants archived: profiles, folder rules, addresses. Pure code: no files but the one given, no network.

What holds here: a profile that exists is valid; every refusal names the key, the line where there is one, and what is allowed.
"""
