//! `X-RateLimit-Limit`, `-Remaining` and `-Reset` of draft 03: of several answers, and of an upstream and us, the tighter set.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const Allocator = std.mem.Allocator;

/// The headers of draft 03, each of which has one value.
pub const XRateLimit = struct {
    limit: []const u8 = "",
    remaining: []const u8 = "",
    reset: []const u8 = "",

    pub const names = [_][]const u8{ "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset" };

    pub fn headers(triple: XRateLimit) [3]host.Header {
        return .{
            .{ .name = names[0], .value = triple.limit },
            .{ .name = names[1], .value = triple.remaining },
            .{ .name = names[2], .value = triple.reset },
        };
    }

    pub fn isEmpty(triple: XRateLimit) bool {
        return triple.limit.len == 0 and triple.remaining.len == 0 and triple.reset.len == 0;
    }

    /// What is left by it; of one that does not say, more than by any that does.
    fn left(triple: XRateLimit) u64 {
        return std.fmt.parseInt(u64, triple.remaining, 10) catch std.math.maxInt(u64);
    }

    /// One for both: that which leaves less, which also names the limits of the other.
    pub fn with(first: XRateLimit, allocator: Allocator, second: XRateLimit) error{OutOfMemory}!XRateLimit {
        const tighter, const other = if (first.isEmpty()) .{ second, first } else if (second.left() < first.left()) .{ second, first } else .{ first, second };
        // Before what names them is a number.
        const comma = std.mem.findScalar(u8, other.limit, ',') orelse other.limit.len;
        return .{
            .limit = try std.mem.concat(allocator, u8, &.{ tighter.limit, other.limit[comma..] }),
            .remaining = try allocator.dupe(u8, tighter.remaining),
            .reset = try allocator.dupe(u8, tighter.reset),
        };
    }

    /// The upstream may limit, too: the tighter set of the two goes on to the client, as a whole.
    pub fn addToResponse(triple: XRateLimit, theirs: XRateLimit) bool {
        if (triple.isEmpty() or theirs.left() < triple.left()) return false;
        for (theirs.headers(), triple.headers()) |their, our| {
            if (their.value.len > 0) host.removeResponseHeader(their.name);
            if (our.value.len > 0) host.addResponseHeader(our.name, our.value);
        }
        return true;
    }
};
