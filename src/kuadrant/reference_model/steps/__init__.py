"""Counts the steps and bytes that the module takes to evaluate a program (``wasm-shim/src/cel``)."""
