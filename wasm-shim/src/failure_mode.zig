//! What becomes of a request whose service gave no answer: it is refused, or goes on, as its failure mode says.

const std = @import("std");
const host = @import("host.zig");
const metrics = @import("metrics.zig");
const Service = @import("ratelimit.zig").Service;

pub const FailureMode = enum { deny, allow };

const complaint_interval = 60 * std.time.ns_per_s;

/// Whether the request goes on although the service gave no answer.
pub fn letsPass(service: *Service, reason: []const u8) bool {
    metrics.count(.errors);
    complain(service, reason);
    return service.failure_mode == .allow;
}

/// A service that is down is worth a line, but not one per request.
fn complain(service: *Service, reason: []const u8) void {
    const now = host.nanoseconds();
    if (service.logged != 0 and now -| service.logged < complaint_interval) return;
    service.logged = @max(now, 1);
    host.log(.warn, "service {f}: {s}; its failure mode is {s}; more of this within a minute is not logged", .{ host.quoted(service.name), reason, @tagName(service.failure_mode) });
}

/// What the client of a request gets that does not go on.
pub fn answerError() void {
    host.sendLocalResponse(500, "rate_limiter_error", "Internal Server Error.\n", "");
}
