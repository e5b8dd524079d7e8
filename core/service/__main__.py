"""``python -m core.service HOME``: the service as a process of its own, until it is idle. See ``detach`` and ``starting``."""

from __future__ import annotations

import sys
from pathlib import Path

from core.system.collection import uncollected

with uncollected():
    # All that is loaded is kept.
    from core.config import find
    from core.errors import ArchivarError
    from core.service import starting
    from core.service.worker import main
    from core.system import guard

if __name__ == "__main__":
    guard.protect()
    guard.begin_anew(sys.orig_argv[1:])
    if sys.argv[2:] == [starting.WAITING] and not starting.is_told():
        raise SystemExit(0)
    try:
        main(find(Path(sys.argv[1])))
    except ArchivarError as error:
        raise SystemExit(error.exit_code) from None
