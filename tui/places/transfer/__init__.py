"""Pages of mail transfer: import, export, restore, saving a file."""
