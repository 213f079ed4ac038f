"""Where a scenario runs: the model in process, or a cluster."""
