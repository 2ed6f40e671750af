//! What becomes of a request whose service gave no answer: it waits if the call was not sent; else it is refused or goes on, as its
//! failure mode says.

const std = @import("std");
const host = @import("host.zig");
const metrics = @import("metrics.zig");
const Service = @import("ratelimit.zig").Service;

pub const FailureMode = enum { deny, allow };

/// The gRPC status of a call to a service that is not there, or no longer.
pub const unavailable = 14;

/// Whether the host says, beside the status `unavailable`, that nothing of the call has reached the service: Envoy had nobody to send
/// it to, no connection came about, or the service says itself that it has not looked at it (RFC 9113, 8.7). It is tried again then.
/// Of a connection that broke nobody knows what has been counted: it follows the failure mode, as everything else does.
pub fn wasNotSent(message: []const u8) bool {
    if (std.mem.startsWith(u8, message, "no healthy upstream")) return true;
    const introduction = "reset reason: ";
    const reason = message[(std.mem.find(u8, message, introduction) orelse return false) + introduction.len ..];
    const reasons = [_][]const u8{
        "remote connection failure", "local connection failure",    "connection failure",
        "connection timeout",        "remote refused stream reset", "overflow",
    };
    for (reasons) |one| if (std.mem.startsWith(u8, reason, one)) return true;
    return false;
}

test "what was not sent" {
    const connect = "upstream connect error or disconnect/reset before headers. reset reason: ";
    try std.testing.expect(wasNotSent("no healthy upstream{no_healthy_upstream}"));
    try std.testing.expect(wasNotSent(connect ++ "remote connection failure{upstream_reset_before_response_started{...}}"));
    try std.testing.expect(wasNotSent(connect ++ "remote connection failure, transport failure reason: delayed connect error: 111"));
    try std.testing.expect(wasNotSent(connect ++ "connection timeout"));
    try std.testing.expect(!wasNotSent(connect ++ "connection termination{...}"));
    try std.testing.expect(!wasNotSent(connect ++ "remote reset"));
    try std.testing.expect(!wasNotSent("upstream request timeout{response_timeout}"));
    try std.testing.expect(!wasNotSent("connection timeout"));
    try std.testing.expect(!wasNotSent(""));
}

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
