"""``python -m core.manual FOLDER``: writes the pages for man into a folder."""

import sys
from pathlib import Path

from core.manual import sheets
from core.system import guard

if __name__ == "__main__":
    guard.protect()
    sheets.write(Path(sys.argv[1]))
