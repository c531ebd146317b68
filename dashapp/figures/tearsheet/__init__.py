"""The tear sheet of a back-test: one HTML file with its own pictures."""
