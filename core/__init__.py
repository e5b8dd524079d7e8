"""The archiving core: everything Archivar does, without a screen.

What holds here: no Textual, no printing (only ``core.cli.output`` writes to a terminal), usable headless. Imports point
downwards: ``cli`` -> ``service`` -> ``engine`` -> ``imap`` | ``archive`` -> ``profiles`` -> ``db`` -> ``model``, ``errors``.
"""

__version__ = "0.1.0"
