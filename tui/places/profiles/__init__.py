"""A profile: its page, its actions, its test."""
