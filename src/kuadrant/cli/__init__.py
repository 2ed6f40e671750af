"""The commands: they parse, call and print."""

from kuadrant.cli.command_line import app, main

__all__ = ["app", "main"]
