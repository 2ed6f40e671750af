"""The functions that a proxy-wasm host such as Envoy offers to a module."""

#: What a proxy-wasm host offers under ``env`` (ABI 0.2.0, and ``proxy_get_log_level`` of 0.2.1).
HOST_FUNCTIONS = frozenset(
    "proxy_" + name
    for name in (
        "add_header_map_value",
        "call_foreign_function",
        "close_stream",
        "continue_stream",
        "define_metric",
        "dequeue_shared_queue",
        "done",
        "enqueue_shared_queue",
        "get_buffer_bytes",
        "get_buffer_status",
        "get_current_time_nanoseconds",
        "get_header_map_pairs",
        "get_header_map_size",
        "get_header_map_value",
        "get_log_level",
        "get_metric",
        "get_property",
        "get_shared_data",
        "get_status",
        "grpc_call",
        "grpc_cancel",
        "grpc_close",
        "grpc_send",
        "grpc_stream",
        "http_call",
        "increment_metric",
        "log",
        "record_metric",
        "register_shared_queue",
        "remove_header_map_value",
        "replace_header_map_value",
        "resolve_shared_queue",
        "send_local_response",
        "set_buffer_bytes",
        "set_effective_context",
        "set_header_map_pairs",
        "set_property",
        "set_shared_data",
        "set_tick_period_milliseconds",
    )
)

#: The functions of WASI (preview 1) that Envoy offers under this name: all but those that make links.
WASI = "wasi_snapshot_preview1"
WASI_FUNCTIONS = frozenset(
    f"{group}_{name}"
    for group, names in {
        "args": ("get", "sizes_get"),
        "clock": ("res_get", "time_get"),
        "environ": ("get", "sizes_get"),
        "fd": (
            *(
                "advise",
                "allocate",
                "close",
                "datasync",
                "fdstat_get",
                "fdstat_set_flags",
                "fdstat_set_rights",
            ),
            *(
                "filestat_get",
                "filestat_set_size",
                "filestat_set_times",
                "pread",
                "prestat_dir_name",
                "prestat_get",
            ),
            *("pwrite", "read", "readdir", "renumber", "seek", "sync", "tell", "write"),
        ),
        "path": (
            *("create_directory", "filestat_get", "filestat_set_times", "open", "readlink"),
            *("remove_directory", "rename", "unlink_file"),
        ),
        "poll": ("oneoff",),
        "proc": ("exit",),
        "random": ("get",),
        "sched": ("yield",),
        "sock": ("accept", "recv", "send", "shutdown"),
    }.items()
    for name in names
)
OFFERED = {"env": HOST_FUNCTIONS, WASI: WASI_FUNCTIONS}
"""Each function by the name of the module that it is imported from."""
