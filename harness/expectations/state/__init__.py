"""Expectations on what stands there, without requests from one workload to another."""
