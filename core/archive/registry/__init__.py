"""Records kept beside mail: users, profiles, the directory, unknown addresses, settings, passwords."""
