"""Proof for the console: verifications, findings and repair, and the places of seals."""
