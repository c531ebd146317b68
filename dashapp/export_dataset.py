"""`python app.py --export-dataset FOLDER`: the archive as a Parquet dataset, without a server."""

from __future__ import annotations

import logging
from pathlib import Path

from dashapp.settings import Settings, UsageError
from storage.archive.archive import Archive, ArchiveError, ArchiveInUse
from storage.export.dataset import DatasetError, write_dataset
from storage.export.parquet import ParquetUnavailable

logger = logging.getLogger(__name__)


def export_dataset(settings: Settings) -> int:
    """Write the dataset and say what it holds; the exit code. Raises UsageError in words."""
    if settings.archive is None or settings.export_dataset is None:
        raise UsageError("--archive is none: there is nothing to export")
    logging.basicConfig(level=settings.log_level.upper(), format="%(message)s")
    if "://" not in settings.archive and not Path(settings.archive).exists():
        raise UsageError(f"there is no archive at {settings.archive}")
    try:
        archive = Archive.open(settings.archive)
    except ArchiveInUse as error:
        raise UsageError(
            f"{error}; the one that runs gives it too, at /export/archive/dataset.zip"
        ) from None
    except ArchiveError as error:
        raise UsageError(str(error)) from None
    try:
        made = write_dataset(archive, Path(settings.export_dataset))
    except (DatasetError, ParquetUnavailable, ArchiveError) as error:
        raise UsageError(str(error)) from None
    finally:
        archive.close()
    rows, files = made["rows"], len(made["files"])
    logger.info("%s holds %d rows in %d files", settings.export_dataset, rows, files)
    return 0
