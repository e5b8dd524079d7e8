"""One visit to one mailbox: connection, limits, listing of folders, and the decisions on them."""
