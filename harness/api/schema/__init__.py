"""The shapes of all kinds, as data."""
