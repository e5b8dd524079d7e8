"""Problems as types: stable codes, each with one sentence, one remedy and its family.

What holds here: meaning is in the code and its named values, never in a finished sentence, so that no prose is parsed. A
sentence names no command, key or page, but refers to an action or a setting, for which each face (command line, console) has
its own words. One module a subject; ``table`` has all of them.
"""
