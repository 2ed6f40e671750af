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
const Given = @import("denial_memory.zig").Given;
const Question = @import("denial_memory.zig").Question;
const Term = denial_term.Term;

var denials: Denials = .{};

/// In this header the service is told, when it is asked the next time, how many requests it has refused without having been asked:
/// `<number> <limit>`.
const untold_name = "kuadrant-remembered";

pub const Recalled = union(enum) {
    /// The answer as the service would give it now.
    answer: Answer,
    /// It has to be asked, and told this beside; empty for nothing.
    ask: []const u8,
};

/// What is known of a question of this call.
pub fn recall(call: Call, message: []const u8) Recalled {
    if (!call.service.remembers or !denials.isUsed()) return .{ .ask = "" };
    switch (denials.find(questionOf(call, message), host.nanoseconds())) {
        .ask => |given| return .{ .ask = if (given.times == 0) "" else untold(call, given) catch "" },
        .answer => |found| {
            const answer = later(call, found.bytes, found.passed_ms) catch return .{ .ask = "" };
            metrics.count(.remembered);
            return .{ .answer = answer };
        },
    }
}

fn later(call: Call, bytes: []const u8, passed_ms: u64) error{ OutOfMemory, Malformed }!Answer {
    var answer = try rate_limit_answer.parse(bytes);
    const term: Term = Term.of(answer, askedBy(call)) orelse return error.Malformed;
    answer.headers = try term.countDown(memory.scratch, answer.headers, passed_ms);
    // Whether somebody follows decisions is said by the service itself.
    answer.follow = "";
    return answer;
}

fn untold(call: Call, given: Given) error{ OutOfMemory, Malformed }![]const u8 {
    const limit = call.reached((try rate_limit_answer.parse(given.answer)).limit);
    return std.fmt.allocPrint(memory.scratch, "{d} {s}", .{ given.times, if (host.isPlain(limit)) limit else "" });
}

/// The metadata of a call that tells it.
pub fn metadata(call: Call, told: []const u8) []const u8 {
    if (told.len == 0) return call.metadata;
    var pairs: host.Pairs = .init(call.metadata);
    var all: std.ArrayList(host.Header) = .empty;
    while (pairs.next()) |pair| all.append(memory.scratch, pair) catch return call.metadata;
    all.append(memory.scratch, .{ .name = untold_name, .value = told }) catch return call.metadata;
    return host.serializePairs(memory.scratch, all.items) catch call.metadata;
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
