"""One visit to one mailbox: connection, limits, folders as they are now, and what of them is to be done."""
