"""Resources that use every field of our ``.proto`` files at least once, in values that Envoy takes."""

from __future__ import annotations

from typing import Any

from tests.listener_certificates import made
from tests.ports import free_port
from tests.tokens import ISSUER, JWKS

from .conftest import ADS, HTTP_OPTIONS, MANAGER, ROUTER, T, address
from .wat import module

CORE_EXTENSION = T + "envoy.config.core.v3.TypedExtensionConfig"
DENOMINATORS = ("HUNDRED", "TEN_THOUSAND", "MILLION")
INSPECTOR = T + "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
JWT = "envoy.extensions.filters.http.jwt_authn.v3."
TLS = "envoy.extensions.transport_sockets.tls.v3."
STREAM_LOGS = "envoy.extensions.access_loggers.stream.v3."


def header(name: str, action: str, **more: Any) -> dict[str, Any]:
    return {"header": {"key": name, "value": "v"}, "append_action": action, **more}


def header_changes(*, raw: bool = False) -> dict[str, Any]:
    added = [
        header("x-a", "ADD_IF_ABSENT", keep_empty_value=True),
        header("x-b", "OVERWRITE_IF_EXISTS_OR_ADD"),
        header("x-c", "OVERWRITE_IF_EXISTS"),
    ]
    if raw:
        added.append({"header": {"key": "x-d", "raw_value": "AAE="}})
    return {
        "request_headers_to_add": added,
        "request_headers_to_remove": ["x-e"],
        "response_headers_to_add": added,
        "response_headers_to_remove": ["x-f"],
    }


def clusters() -> list[dict[str, Any]]:
    http2 = {
        "max_concurrent_streams": 100,
        "initial_stream_window_size": 65536,
        "initial_connection_window_size": 65537,
        "connection_keepalive": {"interval": "30s", "timeout": "5s"},
    }
    http1 = {
        "allow_absolute_url": True,
        "accept_http_10": True,
        "default_host_for_http_10": "a.example",
        "enable_trailers": True,
    }
    common = {
        "idle_timeout": "60s",
        "max_headers_count": 99,
        "max_connection_duration": "61s",
        "max_stream_duration": "62s",
        "max_requests_per_connection": 1000,
    }

    def http(**protocol: Any) -> dict[str, Any]:
        return {"typed_extension_protocol_options": {HTTP_OPTIONS: {"@type": T + HTTP_OPTIONS, **protocol}}}

    def cluster(name: str, **fields: Any) -> dict[str, Any]:
        return {
            "@type": T + "envoy.config.cluster.v3.Cluster",
            "name": name,
            "connect_timeout": "1s",
            **fields,
        }

    hosts = {
        "cluster_name": "static",
        "endpoints": [
            {
                "locality": {"region": "r", "zone": "z", "sub_zone": "s"},
                "load_balancing_weight": 2,
                "priority": 0,
                "lb_endpoints": [
                    {
                        "endpoint": {"address": address(1), "hostname": "a.example"},
                        "load_balancing_weight": 3,
                    }
                ],
            },
            {"priority": 1, "lb_endpoints": [{"endpoint": {"address": address(2)}}]},
        ],
    }
    thresholds = {
        "max_connections": 1,
        "max_pending_requests": 2,
        "max_requests": 3,
        "max_retries": 4,
    }
    localhost = address(3)
    localhost["socket_address"]["address"] = "localhost"
    return [
        cluster(
            "static",
            type="STATIC",
            alt_stat_name="another",
            lb_policy="LEAST_REQUEST",
            per_connection_buffer_limit_bytes=32768,
            ignore_health_on_host_removal=True,
            load_assignment=hosts,
            circuit_breakers={"thresholds": [thresholds, {**thresholds, "priority": "HIGH"}]},
            **http(
                common_http_protocol_options=common, explicit_http_config={"http2_protocol_options": http2}
            ),
        ),
        cluster(
            "dns",
            type="STRICT_DNS",
            lb_policy="RANDOM",
            dns_lookup_family="V4_ONLY",
            load_assignment={
                "cluster_name": "dns",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": localhost}}]}],
            },
            **http(explicit_http_config={"http_protocol_options": http1}),
        ),
        cluster(
            "logical",
            type="LOGICAL_DNS",
            dns_lookup_family="V6_ONLY",
            load_assignment={
                "cluster_name": "logical",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": localhost}}]}],
            },
            **http(
                use_downstream_protocol_config={
                    "http_protocol_options": http1,
                    "http2_protocol_options": http2,
                }
            ),
        ),
        cluster(
            "eds",
            type="EDS",
            eds_cluster_config={
                "eds_config": {**ADS, "initial_fetch_timeout": "1s"},
                "service_name": "other",
            },
            lb_policy="RING_HASH",
        ),
        cluster("eds-2", type="EDS", eds_cluster_config={"eds_config": ADS}, lb_policy="MAGLEV"),
    ]


def endpoints() -> list[dict[str, Any]]:
    kind = T + "envoy.config.endpoint.v3.ClusterLoadAssignment"
    return [
        {"@type": kind, "cluster_name": "other", "endpoints": clusters()[0]["load_assignment"]["endpoints"]},
        {"@type": kind, "cluster_name": "eds-2"},
    ]


def routes() -> list[dict[str, Any]]:
    regex = {"pattern": {"regex": "^/a/(.*)$"}, "substitution": "/b/\\1"}
    to = {"cluster": "static"}
    mirror = {
        "cluster": "dns",
        "runtime_fraction": {"default_value": {"numerator": 5, "denominator": "MILLION"}},
        "disable_shadow_host_suffix_append": True,
    }
    matches: list[dict[str, Any]] = [
        {"path": "/exact", "case_sensitive": False},
        {"safe_regex": {"regex": "/r.*"}},
        {"path_separated_prefix": "/segment"},
        {"prefix": "/grpc", "grpc": {}},
        *(
            {
                "prefix": "/share",
                "runtime_fraction": {"runtime_key": "k", "default_value": {"numerator": 5, "denominator": d}},
            }
            for d in DENOMINATORS
        ),
        {
            "prefix": "/h",
            "headers": [
                {"name": "a", "present_match": True, "invert_match": True},
                {"name": "b", "string_match": {"exact": "x"}, "treat_missing_header_as_empty": True},
                {"name": "c", "string_match": {"prefix": "x", "ignore_case": True}},
                {"name": "d", "string_match": {"suffix": "x"}},
                {"name": "e", "string_match": {"contains": "x"}},
                {"name": "f", "string_match": {"safe_regex": {"regex": "x+"}}},
            ],
            "query_parameters": [
                {"name": "q", "string_match": {"exact": "x"}},
                {"name": "r", "present_match": True},
            ],
        },
    ]
    weight = {"name": "static", "weight": 1, **header_changes()}
    actions: list[dict[str, Any]] = [
        {
            "route": {
                "weighted_clusters": {"clusters": [weight, {"name": "dns", "weight": 3}]},
                "prefix_rewrite": "/new",
                "host_rewrite_literal": "b.example",
                "timeout": "5s",
                "idle_timeout": "6s",
                "append_x_forwarded_host": True,
                "priority": "HIGH",
                "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}],
                "max_stream_duration": {
                    "max_stream_duration": "7s",
                    "grpc_timeout_header_max": "8s",
                    "grpc_timeout_header_offset": "0.001s",
                },
            }
        },
        {"route": {**to, "regex_rewrite": regex, "auto_host_rewrite": True}},
        {"route": {**to, "request_mirror_policies": [mirror]}},
        {"route": {"cluster_header": "x-cluster", "cluster_not_found_response_code": "NOT_FOUND"}},
        {"route": {**to, "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR"}},
        {
            "redirect": {
                "https_redirect": True,
                "host_redirect": "c.example",
                "port_redirect": 8443,
                "path_redirect": "/there",
                "response_code": "FOUND",
                "strip_query": True,
            }
        },
        {"redirect": {"scheme_redirect": "https", "prefix_rewrite": "/p", "response_code": "SEE_OTHER"}},
        {"redirect": {"regex_rewrite": regex, "response_code": "TEMPORARY_REDIRECT"}},
        {"redirect": {"path_redirect": "/x", "response_code": "PERMANENT_REDIRECT"}},
        {"direct_response": {"status": 404, "body": {"inline_string": "nothing\n"}}},
        {"direct_response": {"status": 500, "body": {"inline_bytes": "AAE="}}},
        {"direct_response": {"status": 501, "body": {"environment_variable": "HOME"}}},
    ]
    cross_origin = {
        "@type": T + "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": "https://a.example"}],
        "allow_methods": "GET",
        "allow_headers": "x-a",
        "expose_headers": "x-b",
        "max_age": "5",
        "allow_credentials": True,
        "forward_not_matching_preflights": False,
    }
    per_filter = {
        "cors": cross_origin,
        "extension": {
            "@type": T + "envoy.config.route.v3.FilterConfig",
            "is_optional": True,
            "disabled": True,
        },
    }
    with_config = {
        "none": {
            "@type": T + "envoy.config.route.v3.FilterConfig",
            "config": {"@type": ROUTER},
            "is_optional": True,
        }
    }
    return [
        {
            "@type": T + "envoy.config.route.v3.RouteConfiguration",
            "name": "every",
            "validate_clusters": False,
            "max_direct_response_body_size_bytes": 8192,
            "ignore_port_in_host_matching": True,
            **header_changes(raw=True),
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["a.example", "*"],
                    "typed_per_filter_config": with_config,
                    **header_changes(),
                    "routes": [
                        *({"match": match, "route": to} for match in matches),
                        *(
                            {"name": f"action-{number}", "match": {"prefix": f"/{number}"}, **action}
                            for number, action in enumerate(actions)
                        ),
                        {
                            "match": {"prefix": "/"},
                            "route": to,
                            "stat_prefix": "rest",
                            "typed_per_filter_config": per_filter,
                            **header_changes(),
                        },
                    ],
                }
            ],
        }
    ]


def listeners() -> list[dict[str, Any]]:
    text = {"text_format_source": {"inline_string": "%REQ(:path)%\n"}, "omit_empty_values": True}
    fields = {"json_format": {"path": "%REQ(:path)%", "code": "%RESPONSE_CODE%"}, "content_type": "a/b"}
    logs = [
        {"name": "out", "typed_config": {"@type": T + STREAM_LOGS + "StdoutAccessLog", "log_format": text}},
        {"name": "err", "typed_config": {"@type": T + STREAM_LOGS + "StderrAccessLog", "log_format": fields}},
        {
            "name": "file",
            "typed_config": {
                "@type": T + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": "/dev/null",
                "log_format": text,
            },
        },
    ]
    wasm = T + "envoy.extensions.filters.http.wasm.v3.Wasm"
    found = {
        "name": "extension",
        "config_discovery": {
            "config_source": {**ADS, "initial_fetch_timeout": "0s"},
            "type_urls": [wasm],
            "default_config": wasm_filter("default"),
            "apply_default_config_without_warming": True,
        },
    }
    router = {"name": "router", "typed_config": {"@type": ROUTER, "suppress_envoy_headers": True}}
    manager = {
        "@type": MANAGER,
        "codec_type": "HTTP1",
        "stat_prefix": "http",
        "rds": {"config_source": ADS, "route_config_name": "every"},
        "http_filters": [found, {**found, "name": "off", "disabled": True}, router],
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "http_protocol_options": {"accept_http_10": True},
        "http2_protocol_options": {"max_concurrent_streams": 10},
        "server_name": "s",
        "server_header_transformation": "PASS_THROUGH",
        "max_request_headers_kb": 60,
        "stream_idle_timeout": "1s",
        "request_timeout": "2s",
        "request_headers_timeout": "3s",
        "drain_timeout": "4s",
        "delayed_close_timeout": "5s",
        "access_log": logs,
        "use_remote_address": True,
        "xff_num_trusted_hops": 1,
        "skip_xff_append": True,
        "via": "v",
        "generate_request_id": False,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "upgrade_configs": [{"upgrade_type": "websocket", "enabled": True, "filters": [router]}],
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "strip_matching_host_port": True,
        "stream_error_on_invalid_http_message": True,
        "strip_trailing_host_dot": True,
    }
    other = {
        "@type": MANAGER,
        "codec_type": "HTTP2",
        "stat_prefix": "other",
        "strip_any_host_port": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "server_header_transformation": "APPEND_IF_ABSENT",
        "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"},
        "route_config": {"name": "inside", "virtual_hosts": [{"name": "none", "domains": ["*"]}]},
        "http_filters": [router],
    }
    kind = T + "envoy.config.listener.v3.Listener"
    return [
        {
            "@type": kind,
            "name": "every",
            "address": address(free_port()),
            "additional_addresses": [{"address": address(free_port())}],
            "stat_prefix": "p",
            "filter_chains": [{"name": "chain", "filters": [{"name": "http", "typed_config": manager}]}],
            "per_connection_buffer_limit_bytes": 32768,
            "drain_type": "MODIFY_ONLY",
            "listener_filters_timeout": "1s",
            "access_log": logs[:1],
            "tcp_backlog_size": 128,
            "enable_reuse_port": False,
            "connection_balance_config": {"exact_balance": {}},
        },
        {
            "@type": kind,
            "name": "other",
            "address": address(free_port()),
            "filter_chains": [{"filters": [{"name": "http", "typed_config": other}]}],
        },
        {
            "@type": kind,
            "name": "secure",
            "address": address(free_port()),
            "listener_filters": [
                {"name": "envoy.filters.listener.tls_inspector", "typed_config": {"@type": INSPECTOR}}
            ],
            "filter_chains": [
                {
                    "filter_chain_match": {"server_names": ["a.example"]},
                    "filters": [
                        {
                            "name": "http",
                            "typed_config": {**other, "http_filters": [authentication(), router]},
                        }
                    ],
                    "transport_socket": transport_socket(),
                }
            ],
        },
    ]


def http3() -> dict[str, Any]:
    """A listener of HTTP/3."""
    (chain,) = [{"filters": [{"name": "http", "typed_config": over_quic()}], "transport_socket": quic()}]
    return {
        "@type": T + "envoy.config.listener.v3.Listener",
        "name": "http3",
        "address": {"socket_address": {"protocol": "UDP", "address": "127.0.0.1", "port_value": free_port()}},
        "enable_reuse_port": True,
        "udp_listener_config": {"quic_options": {}},
        "filter_chains": [chain],
    }


def over_quic() -> dict[str, Any]:
    router = {"name": "envoy.router", "typed_config": {"@type": ROUTER}}
    return {
        "@type": T + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http3",
        "codec_type": "HTTP3",
        "http3_protocol_options": {},
        "route_config": {"name": "none"},
        "http_filters": [router],
    }


def quic() -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.quic",
        "typed_config": {
            "@type": T + "envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport",
            "downstream_tls_context": {
                "common_tls_context": {
                    "tls_certificate_sds_secret_configs": [{"name": "pair", "sds_config": ADS}],
                }
            },
            "enable_early_data": False,
        },
    }


def authentication() -> dict[str, Any]:
    either = [{"provider_name": "issuer"}, {"allow_missing": {}}]
    return {
        "name": "authentication",
        "typed_config": {
            "@type": T + JWT + "JwtAuthentication",
            "providers": {
                "issuer": {
                    "issuer": ISSUER,
                    "audiences": ["a"],
                    "local_jwks": {"inline_string": JWKS},
                    "forward": True,
                    "from_headers": [{"name": "x-token", "value_prefix": "Bearer "}],
                    "from_params": ["token"],
                    "from_cookies": ["token"],
                    "payload_in_metadata": "payload",
                    "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]},
                }
            },
            "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": either}}}],
        },
    }


def transport_socket() -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": T + TLS + "DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [{"name": "pair", "sds_config": ADS}],
            },
        },
    }


def secrets() -> list[dict[str, Any]]:
    pair = made("a.example")
    return [
        {
            "@type": T + TLS + "Secret",
            "name": "pair",
            "tls_certificate": {
                "certificate_chain": {"inline_string": pair.chain.decode()},
                "private_key": {"inline_string": pair.key.decode()},
            },
        }
    ]


def wasm_filter(text: str) -> dict[str, Any]:
    return {
        "@type": T + "envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": "every",
            "root_id": "root",
            "failure_policy": "FAIL_RELOAD",
            "reload_config": {"backoff": {"base_interval": "0.100s", "max_interval": "1s"}},
            "allow_on_headers_stop_iteration": True,
            "configuration": {"@type": T + "google.protobuf.StringValue", "value": text},
            "vm_config": {
                "vm_id": f"vm-{text}",
                "runtime": "envoy.wasm.runtime.v8",
                "allow_precompiled": True,
                "nack_on_code_cache_miss": True,
                "configuration": {"@type": T + "google.protobuf.StringValue", "value": "vm"},
                "environment_variables": {"host_env_keys": ["NONE"], "key_values": {"a": "b", "c": "d"}},
                "code": {"local": {"inline_bytes": module(text)}},
            },
        },
    }


def extensions() -> list[dict[str, Any]]:
    return [
        {"@type": CORE_EXTENSION, "name": name, "typed_config": wasm_filter(name)}
        for name in ("extension", "off")
    ]
