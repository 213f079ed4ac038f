"""The state of a cluster as the model keeps it, and the pods that run in it."""
