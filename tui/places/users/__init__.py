"""Users and addresses that no user has."""
