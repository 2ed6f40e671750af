"""Decides what there has to be in a cluster, and what is known of it, from plain values.

No socket, clock, file or log.
"""
