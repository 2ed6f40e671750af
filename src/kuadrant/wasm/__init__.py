"""The proxy-wasm modules that gateways load: the catalogue, and a module's contents.

The server that hands them out is ``kuadrant.wasm.server``: whoever only reads a module needs no sockets.
"""

from kuadrant.wasm.catalogue import CatalogueError, carried, current, embedded
from kuadrant.wasm.module import Module
from kuadrant.wasm.module_contents import inspect

__all__ = [
    "CatalogueError",
    "Module",
    "carried",
    "current",
    "embedded",
    "inspect",
]
