"""Problems as types: what can go wrong, by stable codes, each with one sentence, one remedy and its family.

What holds here: meaning is in the code and its named values, never in a finished sentence, so that nothing reads prose of
ours again. A sentence names no command, key or page; where one belongs it refers to an action or a setting, which each face
(command line, console) says in its own words. One module a subject; ``table`` has all of them.
"""
