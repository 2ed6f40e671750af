"""Decides from what is known what statuses may say of policies and of the Kuadrant."""
