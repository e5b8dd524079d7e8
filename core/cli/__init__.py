"""The command line: one module a group of commands, ``output`` the only writer to the terminal.

What holds here: Textual is never loaded; ``--json`` after any command prints one object to stdout, and text goes to stderr;
exit codes are those of the contract (0 succeeded, 1 with errors or something found, 2 wrong input, 3 failed, 4 archive
damaged, 5 busy, 130 cancelled).
"""
