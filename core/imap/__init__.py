"""Mailboxes over IMAP, and the only importer of imapclient and imaplib.

What holds here: one thread per session (imapclient is not thread-safe); EXAMINE and BODY.PEEK only, so nothing becomes \\Seen,
except in ``deleting``, which alone changes anything; every error leaves as ``ConnectError``, ``Dropped`` or ``ProtocolError``
with a remedy; the password is in no text that leaves.
"""
