"""The folder of an archive when none is named. Imported before anything else is, so it needs the standard library alone."""

from __future__ import annotations

import os

HOME_VARIABLE = "ARCHIVAR_HOME"


def default_home() -> str:
    """``ARCHIVAR_HOME``, else ``/var/lib/archivar`` for root, else the XDG data folder."""
    if path := os.environ.get(HOME_VARIABLE):
        return path
    if os.geteuid() == 0:
        return "/var/lib/archivar"
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "archivar")
