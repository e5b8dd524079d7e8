"""The service of a home: it alone runs profiles; consoles and the command line queue runs and watch them.

Invariant: one service per home (flock, released when it dies); SQLite is the only channel between processes; a run whose
service died is resumed by the next one; progress is written at most 4 times a second.
"""
