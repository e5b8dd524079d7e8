"""Seals on their way to the places where they are kept."""
