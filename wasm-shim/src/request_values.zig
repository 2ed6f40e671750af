//! What a request says under the names that a configuration asks for. However many rules ask, its query and its headers are gone through
//! once.

const std = @import("std");
const attribute = @import("attribute.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const request_headers = @import("request_headers.zig");
const TextTable = @import("text_table.zig").TextTable;
const Allocator = std.mem.Allocator;

/// Names with their numbers, and for each what the request has.
fn Named(comptime Value: type) type {
    return struct {
        numbers: TextTable(u32) = .empty,
        slots: std.ArrayList(Slot) = .empty,
        /// The request whose values are here; slots of another hold nothing.
        request: u64 = 0,

        const Slot = struct { request: u64 = 0, value: Value = undefined };

        fn number(named: *@This(), allocator: Allocator, name: []const u8) error{OutOfMemory}!u32 {
            const entry = try named.numbers.getOrPut(allocator, name);
            if (!entry.found_existing) {
                entry.value_ptr.* = @intCast(named.slots.items.len);
                try named.slots.append(allocator, .{});
            }
            return entry.value_ptr.*;
        }

        fn slot(named: *@This(), name: []const u8) ?*Slot {
            return &named.slots.items[named.numbers.get(name) orelse return null];
        }

        fn get(named: *const @This(), of: u32) ?Value {
            const found = named.slots.items[of];
            return if (found.request == named.request) found.value else null;
        }
    };
}

/// The first value of each query parameter, as it was sent: the router does not decode it either.
pub const Parameters = struct {
    named: Named([]const u8) = .{},

    pub fn number(parameters: *Parameters, allocator: Allocator, name: []const u8) error{OutOfMemory}!u32 {
        return parameters.named.number(allocator, name);
    }

    pub fn get(parameters: *Parameters, request: u64, path: []const u8, of: u32) ?[]const u8 {
        if (parameters.named.request != request) {
            parameters.named.request = request;
            var each = std.mem.splitScalar(u8, attribute.query(path), '&');
            while (each.next()) |parameter| parameters.add(parameter);
        }
        return parameters.named.get(of);
    }

    fn add(parameters: *Parameters, parameter: []const u8) void {
        const equals = std.mem.findScalar(u8, parameter, '=') orelse parameter.len;
        const slot = parameters.named.slot(parameter[0..equals]) orelse return;
        if (slot.request == parameters.named.request) return;
        slot.* = .{ .request = parameters.named.request, .value = parameter[@min(equals + 1, parameter.len)..] };
    }
};

/// All values of each header, one by one.
pub const Headers = struct {
    named: Named(std.ArrayList([]const u8)) = .{},

    pub fn number(headers: *Headers, allocator: Allocator, name: []const u8) error{OutOfMemory}!u32 {
        return headers.named.number(allocator, name);
    }

    /// In scratch memory.
    pub fn get(headers: *Headers, request: u64, of: u32) error{ OutOfMemory, Failed }![]const []const u8 {
        if (headers.named.request != request) {
            const all = try request_headers.all() orelse return error.Failed;
            headers.named.request = request;
            // What was begun and not ended is nothing that anybody may read.
            errdefer headers.named.request = 0;
            for (all) |header| try headers.add(header);
        }
        const found = headers.named.get(of) orelse return &.{};
        return found.items;
    }

    fn add(headers: *Headers, header: host.Header) error{OutOfMemory}!void {
        const slot = headers.named.slot(header.name) orelse return;
        if (slot.request != headers.named.request) slot.* = .{ .request = headers.named.request, .value = .empty };
        try slot.value.append(memory.scratch, header.value);
    }
};
