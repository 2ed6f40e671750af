//! The attributes that programs name by a number, and how the host writes their values.

const identity = @import("identity.zig");

/// `kuadrant.expressions.attribute_numbers` has the same numbers.
pub const Known = struct {
    /// The segments parted by NUL.
    path: []const u8,
    form: Form,
};

pub const Form = enum { text, integer, unsigned, boolean, time, headers, identity };

/// `null` for a number that is of none.
pub fn known(number: u32) ?Known {
    return if (number > 0 and number <= table.len) table[number - 1] else null;
}

const table = [_]Known{
    .{ .path = "request\x00path", .form = .text },
    .{ .path = "request\x00url_path", .form = .text },
    .{ .path = "request\x00host", .form = .text },
    .{ .path = "request\x00scheme", .form = .text },
    .{ .path = "request\x00method", .form = .text },
    .{ .path = "request\x00headers", .form = .headers },
    .{ .path = "request\x00referer", .form = .text },
    .{ .path = "request\x00useragent", .form = .text },
    .{ .path = "request\x00time", .form = .time },
    .{ .path = "request\x00id", .form = .text },
    .{ .path = "request\x00protocol", .form = .text },
    .{ .path = "request\x00query", .form = .text },
    .{ .path = "request\x00size", .form = .integer },
    .{ .path = "request\x00total_size", .form = .integer },
    .{ .path = "source\x00address", .form = .text },
    .{ .path = "source\x00port", .form = .integer },
    .{ .path = "destination\x00address", .form = .text },
    .{ .path = "destination\x00port", .form = .integer },
    .{ .path = "connection\x00id", .form = .unsigned },
    .{ .path = "connection\x00mtls", .form = .boolean },
    .{ .path = "connection\x00requested_server_name", .form = .text },
    .{ .path = "connection\x00tls_version", .form = .text },
    .{ .path = "connection\x00subject_local_certificate", .form = .text },
    .{ .path = "connection\x00subject_peer_certificate", .form = .text },
    .{ .path = "connection\x00dns_san_local_certificate", .form = .text },
    .{ .path = "connection\x00dns_san_peer_certificate", .form = .text },
    .{ .path = "connection\x00uri_san_local_certificate", .form = .text },
    .{ .path = "connection\x00uri_san_peer_certificate", .form = .text },
    .{ .path = "connection\x00sha256_peer_certificate_digest", .form = .text },
    .{ .path = "source\x00remote_address", .form = .text },
    .{ .path = identity.path, .form = .identity },
};
