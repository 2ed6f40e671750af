//! Why a request could not be decided: by kind, and at which place of the configuration.
//!
//! Both are made of what the configuration says; nothing of a request is in them.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");

/// Of a request that is answered with 500.
pub const Kind = enum {
    expression,
    rule,
    budget,
    too_large,
    too_costly,
    memory,
    no_configuration,
    @"unreachable",
    away,
    timeout,
    no_answer,
    bad_answer,
    refused,
    crowded,
    uncounted,

    pub fn words(kind: Kind) []const u8 {
        return switch (kind) {
            .expression => "an expression could not be evaluated",
            .rule => "a regular expression of a rule could not be evaluated",
            .budget => "expressions of its namespace have taken too much of this worker's time: such requests are refused until it is made up for",
            .too_large => "the request is too large for what has to be evaluated, or what would be asked for it is",
            .too_costly => "an expression takes too many steps or too much memory for it",
            .memory => "there was no memory for it",
            .no_configuration => "this worker has no configuration",
            .@"unreachable" => "it could not be reached",
            .away => "it was not asked, since it has not answered for a moment",
            .timeout => "it did not answer in time",
            .no_answer => "the connection ended before its answer",
            .bad_answer => "its answer says neither OK nor OVER_LIMIT",
            .refused => "the call ended with",
            .uncounted => "the counters of this gateway did not take it",
            .crowded => "too many questions that nobody waits for have no answer yet",
        };
    }

    /// What a request that cannot be looked at is refused for.
    pub fn of(reason: error{ OutOfMemory, TooMuch, TooLarge, OverBudget, Failed }) Kind {
        return switch (reason) {
            error.OutOfMemory => .memory,
            error.TooMuch => .too_costly,
            error.TooLarge => .too_large,
            error.OverBudget => .budget,
            error.Failed => if (present.rule.len > 0) .rule else .expression,
        };
    }
};

/// A call that has no verdict.
pub const Failure = struct {
    kind: Kind,
    grpc_status: ?u32 = null,

    pub fn format(failure: Failure, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        try writer.writeAll(failure.kind.words());
        if (failure.grpc_status) |status| try writer.print(" gRPC status {d}", .{status});
    }
};

/// What was being evaluated, as far as it is known. Texts of the configuration.
pub const Place = struct {
    rule: []const u8 = "",
    scope: []const u8 = "",
    limit: []const u8 = "",
    part: union(enum) { none, condition: usize, counter: struct { number: usize, key: []const u8 }, cost } = .none,

    /// Of the part, in what a limit has.
    pub fn number(place: Place) u64 {
        return switch (place.part) {
            .none => 0,
            .condition => |condition| 1 + 2 * @as(u64, condition),
            .counter => |counter| 2 + 2 * @as(u64, counter.number),
            .cost => std.math.maxInt(u64),
        };
    }

    /// Each of its parts with what it is.
    pub fn format(place: Place, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        if (place.rule.len > 0) try writer.print("; rule {f}", .{host.quoted(place.rule)});
        if (place.scope.len > 0) try writer.print("; scope {f}", .{host.quoted(place.scope)});
        if (place.limit.len > 0) try writer.print(", limit {f}", .{host.quoted(place.limit)});
        switch (place.part) {
            .none => {},
            .condition => |condition| try writer.print(", condition {d}", .{condition + 1}),
            .counter => |counter| try writer.print(", counter {d} {f}", .{ counter.number, host.quoted(counter.key) }),
            .cost => try writer.writeAll(", cost"),
        }
    }
};

/// Of the present request.
pub var present: Place = .{};
