"""A profile: its page, what can be done with it, its trial."""
