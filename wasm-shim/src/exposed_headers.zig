//! Which headers of a response the browser shows to a page of another origin.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const joined = @import("header_list.zig").joined;
const memory = @import("memory.zig");

/// Whether a page of another origin may have the response, and which of its headers the browser shows it.
pub const ExposedHeaders = struct {
    are_allowed: bool = false,
    with_credentials: bool = false,
    names: []const u8 = "",

    const exposing = "access-control-expose-headers";

    pub fn take(exposed: *ExposedHeaders, header: host.Header) error{OutOfMemory}!void {
        if (std.ascii.eqlIgnoreCase(header.name, "access-control-allow-origin")) exposed.are_allowed = true;
        if (std.ascii.eqlIgnoreCase(header.name, "access-control-allow-credentials")) exposed.with_credentials = true;
        if (std.ascii.eqlIgnoreCase(header.name, exposing)) exposed.names = try joined(memory.scratch, exposed.names, header.value);
    }

    pub fn expose(exposed: ExposedHeaders, headers: []const host.Header) error{OutOfMemory}!void {
        if (!exposed.are_allowed) return;
        var names = exposed.names;
        for (headers) |header| if (header.value.len > 0 and !exposed.shows(header.name)) {
            names = try joined(memory.scratch, names, header.name);
        };
        if (names.len == exposed.names.len) return;
        if (exposed.names.len > 0) host.removeResponseHeader(exposing);
        host.addResponseHeader(exposing, names);
    }

    fn shows(exposed: ExposedHeaders, name: []const u8) bool {
        var each = std.mem.splitScalar(u8, exposed.names, ',');
        while (each.next()) |part| {
            const one = std.mem.trim(u8, part, " \t");
            if (std.ascii.eqlIgnoreCase(one, name)) return true;
            // With credentials it is a name like others.
            if (!exposed.with_credentials and std.mem.eql(u8, one, "*")) return true;
        }
        return false;
    }
};
