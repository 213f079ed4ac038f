"""A run of a scenario: stage by stage, with all that goes on beside it."""
