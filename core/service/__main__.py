"""``python -m core.service HOME``: the service as a process of its own, until it is idle. See ``detach``."""

from __future__ import annotations

import sys
from pathlib import Path

from core.config import find
from core.errors import ArchivarError
from core.service.worker import main
from core.system import guard

if __name__ == "__main__":
    guard.protect()
    guard.begin_anew(sys.orig_argv[1:])
    try:
        main(find(Path(sys.argv[1])))
    except ArchivarError as error:
        raise SystemExit(error.exit_code) from None
