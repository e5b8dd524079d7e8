"""Mailboxes over IMAP, and the only importer of imapclient and imaplib.

What holds here: one thread per session (imapclient is not thread-safe); EXAMINE and BODY.PEEK only, so nothing becomes \\Seen,
except in ``deleting``, which alone changes anything; every error leaves as ``ConnectError``, ``Dropped`` or ``ProtocolError``
with a remedy; the password is in no text that leaves.
"""

from __future__ import annotations

import sys
from types import ModuleType


def _leave_version_out() -> None:
    """Give imapclient a module for its version, which it would ask of the list of installed packages when it is imported.

    Python loads zip, mail and temporary files for that list: an eighth of all that a service loads before its first run.
    """
    if "imapclient" not in sys.modules:
        version = ModuleType("imapclient.version", "Takes the place of the package's own, whose version nothing asks for.")
        vars(version).update(version="", version_info=(0, 0, 0, ""))
        sys.modules.setdefault(version.__name__, version)


_leave_version_out()
