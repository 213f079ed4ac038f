"""Requests that conditions of routes and policies may tell apart."""
