"""Delivery of seals to seal places."""
