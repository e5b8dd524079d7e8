"""Archiving: plan (pure) -> moves -> fetch -> store -> check. Joins a mailbox on a server to the archive on disk.

What holds here: one bad message never stops a folder, one bad folder never a mailbox, one bad mailbox never a run; completeness
is counted from UID sets, never inferred from dates or a highest UID; nothing here knows a console, a queue or a schedule.
"""
