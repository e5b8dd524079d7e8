"""The only door from the console to the core.

``views`` says what the console can ask and what it gets: frozen values with finished texts. ``present`` turns the core's values
into them, ``core`` is the door itself. What holds here: every text from outside has passed ``present.text`` before it is
part of a view; errors of the core leave as ``views.Refused``.
"""
