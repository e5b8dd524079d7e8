"""The numbers of the encodings of a part, as a volume has them."""

from __future__ import annotations

PLAIN, ZSTD = 0, 1
