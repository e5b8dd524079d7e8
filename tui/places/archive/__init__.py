"""Places for reading: archives, folders, lists, messages, and searching."""
