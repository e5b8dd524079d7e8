"""A storage of its definition."""

from __future__ import annotations

from pathlib import Path

from core.secrets import Secret
from core.storage.place import StoragePlace
from core.storage.port import Pace, VolumeStorage, nothing


def opened(place: StoragePlace, secret: Secret | None, *, tries: int = 3, pace: Pace = nothing) -> VolumeStorage:
    """The storage itself; nothing is sent yet. Raises ``InputError`` when the library of object storage is not installed."""
    if place.is_bucket:
        from core.storage.bucket import BucketStorage

        return BucketStorage(place, secret, tries=tries, pace=pace)
    from core.storage.folder import FolderStorage

    return FolderStorage(Path(place.where), pace=pace)
