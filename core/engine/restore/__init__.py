"""Restore of archived mail to servers, and repair of damaged messages from them."""
