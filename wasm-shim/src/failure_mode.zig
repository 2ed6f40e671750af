//! What becomes of a request whose limits cannot be evaluated, or whose service gave no answer to a call that may have been
//! sent: it is refused or goes on, as its failure mode says.

const std = @import("std");
const failure_log = @import("failure_log.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const metrics = @import("metrics.zig");
const Call = @import("rate_limit_call.zig").Call;
const EvaluationError = @import("host_expression.zig").EvaluationError;

pub const FailureMode = enum {
    deny,
    allow,

    /// Whether a limit that cannot be evaluated is left out of the question. What a client can bring about by the size of a request, or
    /// by how many he sends, is no way around a limit: it is refused in either mode.
    pub fn leavesOut(mode: FailureMode, reason: EvaluationError) bool {
        return mode == .allow and reason == error.Failed;
    }
};

/// The gRPC status of a call to a service that is not there, or no longer.
pub const unavailable = 14;

/// The gRPC status of a call whose time was over, where Envoy's client is Google's.
const deadline_exceeded = 4;

/// What became of a call that ended with this status; `message` is what is said beside `unavailable`.
pub fn endOf(status: u32, message: []const u8) failures.Failure {
    const kind: failures.Kind = switch (status) {
        0 => .no_answer,
        deadline_exceeded => .timeout,
        unavailable => if (std.mem.startsWith(u8, message, "upstream request timeout"))
            .timeout
        else if (std.mem.find(u8, message, "reset reason: ") != null)
            .no_answer
        else
            .refused,
        else => .refused,
    };
    return .{ .kind = kind, .grpc_status = if (kind == .refused) status else null };
}

test "what became of a call" {
    try std.testing.expectEqual(failures.Kind.timeout, endOf(14, "upstream request timeout{response_timeout}").kind);
    try std.testing.expectEqual(failures.Kind.no_answer, endOf(14, "upstream connect error or disconnect/reset before headers. reset reason: connection termination").kind);
    try std.testing.expectEqual(failures.Kind.no_answer, endOf(0, "").kind);
    try std.testing.expectEqual(failures.Failure{ .kind = .refused, .grpc_status = 14 }, endOf(14, "the store did not answer"));
    try std.testing.expectEqual(failures.Failure{ .kind = .refused, .grpc_status = 9 }, endOf(9, ""));
}

/// Whether the request goes on although the call was not answered.
pub fn letsPass(call: Call, failure: failures.Failure) bool {
    if (call.refuses_nobody) {
        passOver(call.service.name, failure, call.scope, call.onlyLimit());
        return true;
    }
    metrics.count(.errors);
    failure_log.tellOfCall(call.service.name, @tagName(call.fallback), failure, call.scope, call.onlyLimit());
    return call.fallback == .allow;
}

/// A question that only limits ask which refuse nobody has no answer.
pub fn passOver(service: []const u8, failure: failures.Failure, scope: []const u8, limit: []const u8) void {
    metrics.count(.errors);
    failure_log.tellOfCall(service, null, failure, scope, limit);
}

/// It is not known whether there is room for a request: it is not let through, whatever the mode.
pub fn uncounted(call: Call) failures.Failure {
    const failure: failures.Failure = .{ .kind = .uncounted };
    passOver(call.service.name, failure, call.scope, call.onlyLimit());
    return failure;
}

/// What the client of a request gets that does not go on.
pub fn answerError(details: []const u8) void {
    host.sendLocalResponse(500, details, "Internal Server Error.\n", "", null);
}
