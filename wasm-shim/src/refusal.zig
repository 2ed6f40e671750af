//! A request is over a limit: by an answer that has come, or by one that is known.

const client_headers = @import("client_headers.zig");
const decision_record = @import("decision_record.zig");
const failure_log = @import("failure_log.zig");
const failure_mode = @import("failure_mode.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const known_denials = @import("known_denials.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const response_code_details = @import("response_code_details.zig");
const Answer = @import("rate_limit_answer.zig").Answer;
const Call = @import("rate_limit_call.zig").Call;

/// Counts and records that a limit of the call is reached. Returns what the response code details say.
pub fn note(request: *const decision_record.Request, call: Call, answer: Answer, calls: []const Call) []const u8 {
    const limit = call.reached(answer.limit);
    metrics.countLimited(limit, call.scope);
    decision_record.leave(request, .{ .limited = .{ .scope = call.scope, .key = limit } }, calls);
    return response_code_details.limited(limit, call.scope);
}

/// Whether an answer to the call that refuses is all that the request waits for.
pub fn isAnsweredAlone(call: Call) bool {
    return !call.in_shadow and !call.asks_again;
}

/// Answers the request by what is known of its first question, with nothing that outlives this callback; `null` then. Else it has to be
/// asked, and the service told this beside.
pub fn answerKnown(first: Call, calls: []const Call) ?[]const u8 {
    if (!isAnsweredAlone(first)) return "";
    const answer = switch (known_denials.recall(first, first.message)) {
        .ask => |untold| return untold,
        .answer => |answer| answer,
    };
    var told: client_headers.Told = .{};
    told.take(memory.scratch, &first.response.form, answer.headers, true, first.by_cost) catch host.log(.debug, "no memory for the answer's headers", .{});
    const details = note(&decision_record.present, first, answer, calls);
    first.response.limited_answer.send(&told, details, first.scope);
    return null;
}

/// For a request that cannot be looked at: it is not let through.
pub fn refuseUnseen(kind: failures.Kind) void {
    metrics.count(.errors);
    failure_log.tell(kind, .refused);
    decision_record.leave(&decision_record.present, .{ .failed = .{ .failure = .{ .kind = kind }, .place = failures.present } }, &.{});
    failure_mode.answerError(response_code_details.failed(.{ .kind = kind }, failures.present));
}
