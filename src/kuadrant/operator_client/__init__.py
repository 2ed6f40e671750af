"""Asks the operator of a cluster what it knows, for the commands.

Nothing of the operator itself runs here.
"""
