"""Benchmarks of pages use the running app of the browser tests."""

from running_app import app, browsers, chromium, open_tab, window  # noqa: F401

#: Programs that the benchmarks start; one needs a peer that only they need.
collect_ignore = ["firehose.py", "seed_reader.py", "upload_peers.py", "watched_app.py"]
