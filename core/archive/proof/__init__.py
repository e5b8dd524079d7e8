"""Proof that the archive is undamaged: verification, findings, seals, and salvage of damaged volumes."""
