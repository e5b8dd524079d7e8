"""The console: what an administrator sees and does in a terminal.

What holds here: ``desk`` is the only door to ``core``; text from outside passes ``format.safe`` before it is shown; a
thread never touches a widget; nothing is archived in this process. ``__main__`` starts the program and imports neither
Textual nor the core before it knows what is wanted.
"""
