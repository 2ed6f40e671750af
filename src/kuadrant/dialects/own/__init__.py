"""The dialects of the project's own module: its configuration, and how it is packed."""
