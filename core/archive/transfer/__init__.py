"""Mail to and from files: import, export, attachments, backup. Existing files are never overwritten."""
