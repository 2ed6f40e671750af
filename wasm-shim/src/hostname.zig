//! The host names of a configuration.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const json = @import("json_reader.zig");
const refuse = json.refuse;

pub fn check(text: []const u8, path: *const json.Path) json.Error!void {
    if (std.mem.eql(u8, text, "*")) return;
    const name = if (std.mem.startsWith(u8, text, "*.")) text[2..] else text;
    if (name.len == 0) return refuse(path, "must be a host name, *.suffix or *", .{});
    const literal = name[0] == '[';
    for (name) |byte| switch (byte) {
        'A'...'Z' => return refuse(path, "{f} must be in lower case", .{host.quoted(text)}),
        ':' => if (!literal) return refuse(path, "{f} must not have a port", .{host.quoted(text)}),
        0...' ', '*', '/', '?', '#', '@', 0x7f => return refuse(path, "{f} must be a host name, *.suffix or *", .{host.quoted(text)}),
        else => {},
    };
    if (literal and name[name.len - 1] != ']') return refuse(path, "{f} must not have a port", .{host.quoted(text)});
}
