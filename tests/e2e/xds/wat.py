"""The smallest proxy-wasm modules that show which one is at work."""

from __future__ import annotations

import base64

import wasmtime

_TEXT = """
(module
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "{text}")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const {accepts}))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $answer (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const {length})
      (i32.const 0) (i32.const 0) (i32.const -1)))
    (i32.const 1)))
"""


def module(text: str, *, accepts: bool = True) -> str:
    """A module, in base64, that answers every request with ``text``, or that refuses its configuration."""
    source = _TEXT.format(text=text, length=len(text), accepts=int(accepts))
    return base64.b64encode(wasmtime.wat2wasm(source)).decode()
