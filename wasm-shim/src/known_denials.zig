//! Answers of rate limit services that this worker gives by itself for as long as they hold: who is over a limit and goes on asking
//! costs the service nothing.

const std = @import("std");
const denial_term = @import("denial_term.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const rate_limit_answer = @import("rate_limit_answer.zig");
const Answer = rate_limit_answer.Answer;
const Call = @import("rate_limit_call.zig").Call;
const Denials = @import("denial_memory.zig").Denials;
const Question = @import("denial_memory.zig").Question;
const Term = denial_term.Term;

var denials: Denials = .{};

/// The answer to a question of this call, as the service would give it now; `null` where it has to be asked.
pub fn recall(call: Call, message: []const u8) ?Answer {
    if (!call.service.remembers or !denials.isUsed()) return null;
    switch (denials.find(questionOf(call, message), host.nanoseconds())) {
        .nothing, .due => return null,
        .answer => |found| {
            var answer = rate_limit_answer.parse(found.bytes) catch return null;
            const term: Term = Term.of(answer, askedBy(call)) orelse return null;
            answer.headers = term.countDown(memory.scratch, answer.headers, found.passed_ms) catch return null;
            // Whether somebody follows decisions is said by the service itself.
            answer.follow = "";
            metrics.count(.remembered);
            return answer;
        },
    }
}

/// The time at which a question is sent, for `note`.
pub fn sending(call: Call) u64 {
    return if (call.service.remembers) host.nanoseconds() else 0;
}

/// The service has answered a question that was sent at that time. Without memory for it, it is asked again.
pub fn note(call: Call, message: []const u8, bytes: []const u8, answer: Answer, sent: u64) void {
    if (!call.service.remembers) return;
    const question = questionOf(call, message);
    const term = Term.of(answer, askedBy(call)) orelse return denials.forget(question);
    denials.keep(memory.lasting, question, bytes, term, sent, host.nanoseconds()) catch {};
}

fn questionOf(call: Call, message: []const u8) Question {
    return .{ .service = call.service.number, .message = message };
}

fn askedBy(call: Call) denial_term.Asked {
    return .{ .one_limit = call.only != null, .by_cost = call.by_cost };
}
