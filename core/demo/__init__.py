"""Sample mailboxes and a server that holds them, for ``archivar demo`` and for tests.

What holds here: no real person, company or domain appears (``example.test`` only); the same seed makes the same bytes
on every machine; the generators (``mail``, ``odd``, ``documents``) need nothing but the standard library, only
``server`` needs the ``demo`` extra.
"""
