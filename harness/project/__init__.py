"""A project of the user's own: begun from what is there, or from a scenario that comes with the harness."""
