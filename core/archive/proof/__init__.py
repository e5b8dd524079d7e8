"""Proof that the archive is what it was: verification, findings, seals, and the salvage of what is damaged."""
