"""Rate limiting for Gateway API that carries its own data plane."""

__version__ = "0.1.0"
