"""Places outside the home in which sealed volumes are stored: a folder, or a bucket of object storage.

What holds here: an object is put only where none is, and never replaced or removed by this program; whatever is read is matched
with its SHA-256 before it is believed. A local copy goes only after the stored one was read back and was the same. The library
of object storage is imported in ``bucket`` alone, and only when a bucket is used; its errors are translated there.
"""
