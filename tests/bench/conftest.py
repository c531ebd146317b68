"""Benchmarks of pages use the running app of the browser tests."""

from running_app import app, chromium, open_tab  # noqa: F401
