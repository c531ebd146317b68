"""Spreadscope's one command, `python app.py` or `spreadscope`. Nothing happens at import."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Read the settings and serve until SIGINT or SIGTERM; the process's exit code."""
    # Until the server takes them over there is nothing to put away; an exception instead could
    # be swallowed by whatever is being imported.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    # One place for this, and before numpy is imported anywhere: our arrays are small, so a
    # second BLAS thread costs more than it brings, and the other core serves the browser.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    from dashapp.settings import UsageError, parse

    try:
        settings = parse(sys.argv[1:], os.environ)
        if settings.export_dataset is not None:
            from dashapp.export_dataset import export_dataset

            return export_dataset(settings)
        from dashapp.server import serve

        return serve(settings)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
