"""Mail of the archive put back on servers, and damaged messages repaired from them."""
