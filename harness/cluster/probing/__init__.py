"""Requests sent from pods of a cluster, and what shows who answered them."""
