"""Gives rate limit policies their meaning.

One model for both API versions, what they are attached to and how they are merged.
"""
