"""Widgets of the console's own: lists that draw only what is seen and send only what changed."""
