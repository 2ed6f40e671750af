//! `RateLimit-Policy` and `RateLimit`: lists with a member for each limit, those of an upstream and ours.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const endOfText = @import("header_list.zig").endOfText;
const joined = @import("header_list.zig").joined;
const memory = @import("memory.zig");
const Allocator = std.mem.Allocator;

/// `RateLimit-Policy` and `RateLimit`: lists with a member for each limit, which begins with its name, a text.
pub const Fields = struct {
    policies: []const u8 = "",
    limits: []const u8 = "",

    pub const names = [_][]const u8{ "ratelimit-policy", "ratelimit" };

    pub fn headers(fields: Fields) [2]host.Header {
        return .{ .{ .name = names[0], .value = fields.policies }, .{ .name = names[1], .value = fields.limits } };
    }

    pub fn isEmpty(fields: Fields) bool {
        return fields.policies.len == 0 and fields.limits.len == 0;
    }

    /// The members of both.
    pub fn with(first: Fields, allocator: Allocator, second: Fields) error{OutOfMemory}!Fields {
        return .{
            .policies = try joined(allocator, first.policies, second.policies),
            .limits = try joined(allocator, first.limits, second.limits),
        };
    }

    /// After the members of the upstream, under names that it does not have. What is no such list, as in earlier drafts, cannot be
    /// added to: it stays as it is, since to leave it out could allow more than the upstream does.
    pub fn addToResponse(fields: Fields, theirs: Fields) error{OutOfMemory}!bool {
        if (fields.isEmpty() or !areMembers(theirs.policies) or !areMembers(theirs.limits)) return false;
        const taken = [_][]const u8{ theirs.policies, theirs.limits };
        for (names, theirs.headers(), fields.headers()) |name, their, our| {
            if (our.value.len == 0) continue;
            const value = try joined(memory.scratch, their.value, try renamed(our.value, &taken));
            if (their.value.len > 0) host.removeResponseHeader(name);
            host.addResponseHeader(name, value);
        }
        return true;
    }

    fn areMembers(list: []const u8) bool {
        return list.len == 0 or list[0] == '"';
    }
};

/// A list of ours with another name for each member whose name is in one of the others.
fn renamed(list: []const u8, taken: []const []const u8) error{OutOfMemory}![]const u8 {
    var result: std.ArrayList(u8) = .empty;
    var rest = list;
    while (rest.len > 0) {
        const end = endOfText(rest);
        var name = rest[0..end];
        // As often as there are gateways like this one on the way.
        while (isInAny(name, taken)) name = try std.mem.concat(memory.scratch, u8, &.{ "\"gateway/", name[1..] });
        const next = std.mem.findScalar(u8, rest[end..], '"') orelse rest.len - end;
        try result.appendSlice(memory.scratch, name);
        try result.appendSlice(memory.scratch, rest[end..][0..next]);
        rest = rest[end + next ..];
    }
    return result.items;
}

fn isInAny(name: []const u8, lists: []const []const u8) bool {
    for (lists) |list| if (std.mem.find(u8, list, name) != null) return true;
    return false;
}
