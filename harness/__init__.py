"""An end-to-end test harness for service meshes in migration."""

__version__ = "0.1.0"
