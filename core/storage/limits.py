"""Sizes of what stays on this machine, until they are set."""

from __future__ import annotations

#: Bytes of volumes that wait for a storage that does not answer, beyond which no run begins.
BOUND_BYTES = 64 * 1024**3
#: Bytes of stored volumes that are kept here as well; 0 keeps all.
CACHE_BYTES = 0
