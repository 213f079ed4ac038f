"""What a run says of its verdicts."""
