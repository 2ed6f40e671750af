"""The proxy-wasm modules that gateways load: the catalogue, a module's contents, and the module server."""

from kuadrant.wasm.catalogue import CatalogueError, carried, current, embedded
from kuadrant.wasm.connection import Fetch, Limits
from kuadrant.wasm.module import Module
from kuadrant.wasm.module_contents import inspect
from kuadrant.wasm.server import ModuleServer, serve

__all__ = [
    "CatalogueError",
    "Fetch",
    "Limits",
    "Module",
    "ModuleServer",
    "carried",
    "current",
    "embedded",
    "inspect",
    "serve",
]
