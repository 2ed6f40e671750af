//! Preflights: by them a browser asks whether a page of another origin may send a request. They have no credentials and do nothing, and a
//! refusal would be told to nobody.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const request_headers = @import("request_headers.zig");

/// Whether the present request is one.
pub fn isOne() error{OutOfMemory}!bool {
    const method = try request_headers.first(.method) orelse return false;
    if (!std.mem.eql(u8, method, "OPTIONS")) return false;
    for ([_][]const u8{ "origin", "access-control-request-method" }) |name| {
        const value = try host.firstRequestHeader(name) orelse return false;
        if (value.len == 0) return false;
    }
    return true;
}
