"""Proof: verification and findings, seals, the ledger."""
