"""Background load, sent from pods of a cluster."""
