"""Work on a real cluster: applying, waiting, running commands, sending probes."""
