"""Universes: markets of bars of everything that an exchange trades, the demo's among them."""
