"""The desk, the only access from the console to the core: a folder for each subject, as in ``places``, with values and classes.

``desk`` opens the archive and holds one object for each subject; ``present`` makes texts that are safe to show. What holds
here: values are frozen and have finished texts, and every text from outside has passed ``present.text`` before it is part of
one; errors of the core leave as ``refusals.Refused``.
"""
