"""Words, errors and values that every part shares."""
