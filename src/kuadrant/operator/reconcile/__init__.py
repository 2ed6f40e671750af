"""Decides whenever something changed, and writes what is not in place yet."""
