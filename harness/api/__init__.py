"""Typed readings of configuration: what each kind of object says, and what its API refuses."""
