"""The catalog, a projection of the ledger: tables to ask. Written within one transaction, entry by entry."""
