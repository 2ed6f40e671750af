//! The lines of the log that say why a request could not be decided: what an operator needs, and not one per request.

const clock = @import("clock.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const Pace = @import("log_pace.zig").Pace;

var pace: Pace = .{};

/// What becomes of a request, or of the limit that could not be evaluated for it.
pub const Outcome = enum { refused, left_out, in_shadow, in_answer };

/// A request is refused for something in `failures.present`: worth a line, but not one per request.
pub fn tell(kind: failures.Kind, outcome: Outcome) void {
    if (!pace.may(&.{ @tagName(kind), failures.present.rule, failures.present.scope, failures.present.limit }, failures.present.number(), clock.nanoseconds())) return;
    host.refreshLogLevel();
    host.log(.warn, "{s}{f}; {s}; more of this within a minute is not logged", .{ kind.words(), failures.present, switch (outcome) {
        .refused => "the request is answered with 500",
        .left_out => "the limit is left out, as the failure mode is allow",
        .in_shadow => "the limit is left out, as it is in shadow",
        .in_answer => "the answer to a request over a limit is without what it is for",
    } });
}

/// A call of this scope has no verdict. `limit` is the one that was asked for; empty if there were more.
/// Its service has a failure mode, unless only limits in shadow asked.
pub fn tellOfCall(service: []const u8, mode: ?[]const u8, failure: failures.Failure, scope: []const u8, limit: []const u8) void {
    // Who is away is away for all; who says no may say so to one.
    const of_one = if (failure.kind == .refused) scope else "";
    if (!pace.may(&.{ @tagName(failure.kind), service, of_one, if (mode == null) "shadow" else "" }, 0, clock.nanoseconds())) return;
    host.refreshLogLevel();
    const place: failures.Place = .{ .scope = scope, .limit = limit };
    if (mode) |one| {
        host.log(.warn, "service {f}: {f}{f}; its failure mode is {s}; more of this within a minute is not logged", .{ host.quoted(service), failure, place, one });
    } else {
        host.log(.warn, "service {f}: {f}{f}; only limits in shadow asked, which refuse nobody; more of this within a minute is not logged", .{ host.quoted(service), failure, place });
    }
}
