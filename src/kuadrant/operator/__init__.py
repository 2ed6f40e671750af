"""Runs Kuadrant's rate limiting in one cluster.

It reads the API server's objects, and writes the objects of gateways and the statuses of policies.
"""
