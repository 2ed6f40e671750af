"""What we say that Envoy offers to modules, it offers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from kuadrant.wasm import inspect
from kuadrant.wasm.host_functions import WASI, WASI_FUNCTIONS

pytestmark = pytest.mark.e2e

# The parameters of those that have others than numbers of 32 bits (WASI preview 1, witx).
LONG = {
    "clock_time_get": "i32 i64 i32",
    "fd_advise": "i32 i64 i64 i32",
    "fd_allocate": "i32 i64 i64",
    "fd_fdstat_set_rights": "i32 i64 i64",
    "fd_filestat_set_size": "i32 i64",
    "fd_filestat_set_times": "i32 i64 i64 i32",
    "fd_pread": "i32 i32 i32 i64 i32",
    "fd_pwrite": "i32 i32 i32 i64 i32",
    "fd_readdir": "i32 i32 i32 i64 i32",
    "fd_seek": "i32 i64 i32 i32",
    "path_filestat_set_times": "i32 i32 i32 i32 i64 i64 i32",
    "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
}
LINKS = ("path_link", "path_symlink")
COUNT = {
    "args_get": 2,
    "args_sizes_get": 2,
    "clock_res_get": 2,
    "environ_get": 2,
    "environ_sizes_get": 2,
    "fd_close": 1,
    "fd_datasync": 1,
    "fd_fdstat_get": 2,
    "fd_fdstat_set_flags": 2,
    "fd_filestat_get": 2,
    "fd_prestat_dir_name": 3,
    "fd_prestat_get": 2,
    "fd_read": 4,
    "fd_renumber": 2,
    "fd_sync": 1,
    "fd_tell": 2,
    "fd_write": 4,
    "path_create_directory": 3,
    "path_filestat_get": 5,
    "path_link": 7,
    "path_readlink": 6,
    "path_remove_directory": 3,
    "path_rename": 6,
    "path_symlink": 5,
    "path_unlink_file": 3,
    "poll_oneoff": 4,
    "proc_exit": 1,
    "random_get": 2,
    "sched_yield": 0,
    "sock_accept": 3,
    "sock_recv": 6,
    "sock_send": 5,
    "sock_shutdown": 2,
}


def module(*names: str) -> bytes:
    """The smallest module that a proxy-wasm host takes, with these imports."""
    imports = "".join(
        f'(import "{WASI}" "{name}" (func (param {LONG.get(name) or " ".join(["i32"] * COUNT[name])})'
        f" {'' if name == 'proc_exit' else '(result i32)'}))"
        for name in names
    )
    text = f"""(module {imports} (memory (export "memory") 2) (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
        (func (export "proxy_on_context_create") (param i32 i32))
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1)))"""
    return bytes(wasmtime.wat2wasm(text))


def is_taken(data: bytes, folder: Path) -> bool:
    """Whether Envoy loads a module."""
    (folder / "module.wasm").write_bytes(data)
    types = "type.googleapis.com/envoy.extensions.filters"
    code = {"local": {"filename": str(folder / "module.wasm")}}
    filters = [
        {
            "name": "wasm",
            "typed_config": {
                "@type": f"{types}.http.wasm.v3.Wasm",
                "config": {"vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": code}},
            },
        },
        {"name": "router", "typed_config": {"@type": f"{types}.http.router.v3.Router"}},
    ]
    manager = {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {"name": "none"},
        "http_filters": filters,
    }
    listener = {
        "name": "http",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    configuration = folder / "envoy.json"
    configuration.write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
    envoy = Path(sys.executable).parent / "envoy"
    command = [str(envoy), "--mode", "validate", "--config-path", str(configuration)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_envoy_takes_a_module_that_imports_all_of_wasi(tmp_path: Path) -> None:
    assert {*LONG, *COUNT} == {*WASI_FUNCTIONS, *LINKS}
    data = module(*sorted(WASI_FUNCTIONS))

    assert inspect(data).problems == ()
    assert is_taken(data, tmp_path)


@pytest.mark.parametrize("name", LINKS)
def test_envoy_refuses_what_we_refuse(tmp_path: Path, name: str) -> None:
    data = module(name)

    assert inspect(data).lacking
    assert not is_taken(data, tmp_path)
