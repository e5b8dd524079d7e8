"""The service of a home: it alone runs profiles; consoles and the command line put runs into its queue and watch.

What holds here: one service per home (flock, so a dead one leaves nothing behind); SQLite is the only channel between them;
a run whose service died is taken up again by the next one; progress is written at most 4 times a second.
"""
