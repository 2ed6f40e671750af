"""Supplies gateways with modules, and proves that a module's address gives its bytes."""
