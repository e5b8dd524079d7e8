"""Mail that comes in and goes out as files: import, export, attachments, backup. Never writes over a file."""
