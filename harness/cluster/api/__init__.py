"""A cluster's API, the tools on this machine, and waiting for either."""
