"""VirtualServices of the sidecars, as routes on Services."""
