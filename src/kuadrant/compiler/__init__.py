"""From the objects of a cluster or a folder to what each gateway must do: :func:`compile_gateways`."""

from kuadrant.compiler.compilation import Compilation, compile_gateways
from kuadrant.compiler.facts import PolicyFacts

__all__ = ["Compilation", "PolicyFacts", "compile_gateways"]
