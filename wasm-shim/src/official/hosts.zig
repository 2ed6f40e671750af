//! Host names as the official shim looks them up: by the case that the client chose, and cut at the first colon.

const std = @import("std");
const host = @import("../proxy_wasm_host.zig");
const Allocator = std.mem.Allocator;

/// What belongs to each host name: an exact one, `*.suffix` (one or more labels) or `*`.
pub fn Hosts(comptime Content: type) type {
    return struct {
        by_name: std.StringHashMapUnmanaged(Content) = .empty,

        const Self = @This();

        /// The place for what belongs to `name`; what is there stays until it is written over.
        pub fn entry(hosts: *Self, allocator: Allocator, name: []const u8) error{OutOfMemory}!struct { content: *Content, found_existing: bool } {
            const result = try hosts.by_name.getOrPut(allocator, name);
            return .{ .content = result.value_ptr, .found_existing = result.found_existing };
        }

        /// What belongs to the most specific name of the request that is being looked at.
        pub fn find(hosts: *const Self) error{OutOfMemory}!?Content {
            const authority = try host.firstRequestHeader(":authority") orelse "";
            const name = authority[0 .. std.mem.findScalar(u8, authority, ':') orelse authority.len];
            if (hosts.by_name.get(name)) |content| return content;
            var start: usize = 0;
            while (std.mem.findScalarPos(u8, name, start, '.')) |dot| : (start = dot + 1) {
                var buffer: [256]u8 = undefined;
                const wildcard = std.fmt.bufPrint(&buffer, "*{s}", .{name[dot..]}) catch continue;
                if (hosts.by_name.get(wildcard)) |content| return content;
            }
            return hosts.by_name.get("*");
        }
    };
}
