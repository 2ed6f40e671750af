"""Expressions as programs: what the module evaluates by itself (docs/expressions.md)."""
