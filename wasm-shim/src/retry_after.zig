//! When a client whose request is over a limit should come again: `Retry-After`. Where several questions are asked for a request that is
//! when each of them has room for it, and the service is asked to say that of those, too, that it does not refuse.

const std = @import("std");
const memory = @import("memory.zig");
const XRateLimit = @import("x_ratelimit_headers.zig").XRateLimit;
const Allocator = std.mem.Allocator;

/// The key of the descriptor's entry by which it is asked, and what it says: `told` with the decision, or `only`, with nothing counted.
/// A service that does not know it takes it for an entry that no limit asks for.
pub const asked_by = "kuadrant:again";
pub const told = "told";
pub const only = "only";
comptime {
    std.debug.assert(told.len == only.len);
}

/// The header that says in how many seconds one more request has room; `never`, or a number.
pub const again_name = "kuadrant-again";

/// When a refused request should come again.
pub const RetryAfter = struct {
    seconds: ?u64 = null,
    /// Of a service that says it so.
    date: []const u8 = "",
    /// When there is room in all that have said so; `null` for never. Known once somebody has.
    again: ?u64 = 0,
    is_asked: bool = false,

    /// What a refusal says takes the place of what others have said of themselves.
    pub fn restart(retry: *RetryAfter) void {
        retry.seconds = null;
        retry.date = "";
    }

    pub fn takeAgain(retry: *RetryAfter, value: []const u8) void {
        retry.is_asked = true;
        const seconds = std.fmt.parseInt(u32, value, 10) catch {
            retry.again = null;
            return;
        };
        if (retry.again) |known| retry.again = @max(known, seconds);
    }

    /// The later of what was said.
    pub fn take(again: *RetryAfter, allocator: Allocator, value: []const u8) error{OutOfMemory}!void {
        const seconds = std.fmt.parseInt(u32, value, 10) catch {
            again.date = try allocator.dupe(u8, value);
            return;
        };
        again.seconds = @max(seconds, again.seconds orelse 0);
    }

    /// Of a service that does not say it, such as Limitador: when the window is over, whose seconds it cuts. Never where nothing is
    /// admitted anyhow.
    pub fn orBy(again: *RetryAfter, triple: XRateLimit) void {
        if (again.seconds != null or again.date.len > 0) return;
        if (triple.limit.len == 0 or triple.limit[0] == '0') return;
        const reset = std.fmt.parseInt(u32, triple.reset, 10) catch return;
        again.seconds = @as(u64, reset) + 1;
    }

    pub fn text(again: *const RetryAfter) ?[]const u8 {
        if (again.again == null) return null;
        const seconds = if (again.seconds) |one| @max(one, again.again.?) else return if (again.date.len > 0) again.date else null;
        return std.fmt.allocPrint(memory.scratch, "{d}", .{seconds}) catch null;
    }
};
