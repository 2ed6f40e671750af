"""The proxy-wasm modules that gateways load: the catalogue, what is in a module, and the server that gives them out."""

from kuadrant.wasm.catalogue import CatalogueError, carried, current, embedded
from kuadrant.wasm.module import Contents, Export, Import, Module, NotAModule, Section, inspect
from kuadrant.wasm.server import Fetch, Limits, ModuleServer, serve

__all__ = [
    "CatalogueError",
    "Contents",
    "Export",
    "Fetch",
    "Import",
    "Limits",
    "Module",
    "ModuleServer",
    "NotAModule",
    "Section",
    "carried",
    "current",
    "embedded",
    "inspect",
    "serve",
]
