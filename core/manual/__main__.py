"""``python -m core.manual FOLDER``: writes the pages for man into a folder."""

import sys
from pathlib import Path

from core.manual import sheets

if __name__ == "__main__":
    sheets.write(Path(sys.argv[1]))
