"""The attributes that programs name by a number, as ``wasm-shim/src/known_attribute.zig`` has them."""

from __future__ import annotations

from typing import Final

NUMBERS: Final = {
    ("request", "path"): 1,
    ("request", "url_path"): 2,
    ("request", "host"): 3,
    ("request", "scheme"): 4,
    ("request", "method"): 5,
    ("request", "headers"): 6,
    ("request", "referer"): 7,
    ("request", "useragent"): 8,
    ("request", "time"): 9,
    ("request", "id"): 10,
    ("request", "protocol"): 11,
    ("request", "query"): 12,
    ("request", "size"): 13,
    ("request", "total_size"): 14,
    ("source", "address"): 15,
    ("source", "port"): 16,
    ("destination", "address"): 17,
    ("destination", "port"): 18,
    ("connection", "id"): 19,
    ("connection", "mtls"): 20,
    ("connection", "requested_server_name"): 21,
    ("connection", "tls_version"): 22,
    ("connection", "subject_local_certificate"): 23,
    ("connection", "subject_peer_certificate"): 24,
    ("connection", "dns_san_local_certificate"): 25,
    ("connection", "dns_san_peer_certificate"): 26,
    ("connection", "uri_san_local_certificate"): 27,
    ("connection", "uri_san_peer_certificate"): 28,
    ("connection", "sha256_peer_certificate_digest"): 29,
    ("source", "remote_address"): 30,
    ("auth", "identity"): 31,
}
