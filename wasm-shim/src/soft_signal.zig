//! What a request is marked with that goes on though it is over a soft limit: headers that the limit names. Nobody else marks one: what
//! a client sends under such a name is taken away.

const std = @import("std");
const document = @import("configuration_document.zig");
const host = @import("proxy_wasm_host.zig");
const json = @import("json_reader.zig");
const memory = @import("memory.zig");
const request_headers = @import("request_headers.zig");
const Limit = @import("limit.zig").Limit;
const Allocator = std.mem.Allocator;

/// The serialized entry of a descriptor that asks which soft limits are exceeded, with the value `told`. A service that does not know
/// it takes it for an entry that no limit asks for.
pub const entry = "\x0a\x0dkuadrant:soft\x12\x04told";

/// The header of an answer that names them, by their keys with commas between.
pub const header_name = "kuadrant-soft";

pub fn compile(allocator: Allocator, source: []const document.Signal, path: *const json.Path) json.Error![]const host.Header {
    const headers = try allocator.alloc(host.Header, source.len);
    for (source, headers, 0..) |one, *header, index| {
        header.* = .{ .name = try std.ascii.allocLowerString(allocator, one.name), .value = try allocator.dupe(u8, one.value) };
        const place = path.item(index);
        if (!host.isHeader(header.*)) return json.refuse(&place, "has a name or a value that HTTP does not take", .{});
    }
    return headers;
}

/// Those of all limits of these actions.
pub fn ofActions(allocator: Allocator, actions: anytype) error{OutOfMemory}![]const []const host.Header {
    var signals: std.ArrayList([]const host.Header) = .empty;
    for (actions) |action| for (action.limits) |limit| if (limit.signal.len > 0) try signals.append(allocator, limit.signal);
    return signals.items;
}

/// The headers of a request, each pair of a name and a value once. The texts are those of its configuration.
pub const Signals = struct {
    pairs: std.ArrayList(host.Header) = .empty,
    /// Of the limits that are exceeded.
    keys: std.ArrayList([]const u8) = .empty,

    /// Takes up the headers of those of `limits` that an answer names.
    pub fn take(signals: *Signals, allocator: Allocator, limits: []const Limit, answered: []const host.Header) error{OutOfMemory}!void {
        for (answered) |header| {
            if (!std.ascii.eqlIgnoreCase(header.name, header_name)) continue;
            for (limits) |*limit| if (limit.signal.len > 0 and names(header.value, limit.key())) {
                try signals.keys.append(allocator, limit.key());
                for (limit.signal) |one| if (!signals.has(one)) try signals.pairs.append(allocator, one);
            };
        }
    }

    fn has(signals: *const Signals, header: host.Header) bool {
        for (signals.pairs.items) |one| if (std.mem.eql(u8, one.name, header.name) and std.mem.eql(u8, one.value, header.value)) return true;
        return false;
    }

    /// The request is the effective context, and goes on. Values of one name are joined with commas.
    pub fn addToRequest(signals: *const Signals) void {
        for (signals.pairs.items, 0..) |header, index| {
            if (firstOf(signals.pairs.items[0..index], header.name)) continue;
            var value: std.ArrayList(u8) = .empty;
            for (signals.pairs.items[index..]) |one| if (std.mem.eql(u8, one.name, header.name)) {
                value.print(memory.scratch, "{s}{s}", .{ if (value.items.len > 0) "," else "", one.value }) catch return;
            };
            host.addRequestHeader(header.name, value.items);
        }
    }

    fn firstOf(before: []const host.Header, name: []const u8) bool {
        for (before) |one| if (std.mem.eql(u8, one.name, name)) return true;
        return false;
    }
};

fn names(list: []const u8, key: []const u8) bool {
    var each = std.mem.splitScalar(u8, list, ',');
    while (each.next()) |one| if (std.mem.eql(u8, one, key)) return true;
    return false;
}

/// Takes away what the client of the present request has sent under the names of these limits' headers.
pub fn takeAway(signals: []const []const host.Header) void {
    for (signals) |headers| for (headers) |header| {
        if (request_headers.mayHave(header.name)) host.removeRequestHeader(header.name);
    };
}
