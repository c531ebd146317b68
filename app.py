"""`python app.py` starts the server. Nothing happens at import."""

from __future__ import annotations

import sys

from dashapp.command import main

if __name__ == "__main__":
    sys.exit(main())
