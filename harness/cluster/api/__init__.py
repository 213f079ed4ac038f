"""A cluster's API: its client, where kinds are, waiting, commands in pods, tools; what others need of it."""

from harness.cluster.api.client import ApiError, Client, Json, Query
from harness.cluster.api.discovery import DEPLOYMENTS, EVENTS, NAMESPACES, PODS, SERVICES, Discovery, Endpoint
from harness.cluster.api.settings import ClusterSettings
from harness.cluster.api.streams import ExecInterruptedError, exchange, execute
from harness.cluster.api.tools import SITES, Run, find, run, tail
from harness.cluster.api.waiting import Deadline, View, timed, wait_until

__all__ = [
    "DEPLOYMENTS", "EVENTS", "NAMESPACES", "PODS", "SERVICES", "SITES",
    "ApiError", "Client", "ClusterSettings", "Deadline", "Discovery", "Endpoint",
    "ExecInterruptedError", "Json", "Query", "Run", "View", "exchange", "execute", "find", "run", "tail",
    "timed", "wait_until",
]  # fmt: skip
