//! When a client whose request is over a limit should come again: `Retry-After`.

const std = @import("std");
const memory = @import("memory.zig");
const XRateLimit = @import("x_ratelimit_headers.zig").XRateLimit;
const Allocator = std.mem.Allocator;

/// When a refused request should come again.
pub const RetryAfter = struct {
    seconds: ?u64 = null,
    /// Of a service that says it so.
    date: []const u8 = "",

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
        const seconds = again.seconds orelse return if (again.date.len > 0) again.date else null;
        return std.fmt.allocPrint(memory.scratch, "{d}", .{seconds}) catch null;
    }
};
