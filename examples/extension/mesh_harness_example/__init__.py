"""What a team of its own adds to the harness."""
