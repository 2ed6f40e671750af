"""`kuadrant console`: the console of a cluster, served on this machine with the rights of who starts it."""

from kuadrant.cluster_console.run import ConsoleOptions, run

__all__ = ["ConsoleOptions", "run"]
