"""Runs of profiles: mailboxes archived, moves followed, messages deleted by rule."""
