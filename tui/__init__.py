"""The console: what an administrator sees and does in a terminal.

What holds here: ``desk`` is the only door to ``core``; what is shown has the type ``Safe``, which ``desk.present`` makes of
texts from outside and of the program's own literals; places know the console as ``shell.Shell``; a thread never touches a
widget; nothing is archived in this process. ``__main__`` starts the program and imports neither Textual nor the core before it
has read the arguments.
"""
