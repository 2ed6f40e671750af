//! Why a request is refused, for people: what its response code details say, and the line of the log.
//!
//! Both are made of what the configuration says; nothing of a request is in them.

const std = @import("std");
const clock = @import("clock.zig");
const host = @import("host.zig");
const Pace = @import("log_pace.zig").Pace;

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
    timeout,
    no_answer,
    bad_answer,
    refused,

    fn words(kind: Kind) []const u8 {
        return switch (kind) {
            .expression => "an expression could not be evaluated",
            .rule => "a regular expression of a rule could not be evaluated",
            .budget => "expressions of its namespace have taken too much of this worker's time: such requests are refused until it is made up for",
            .too_large => "the request is too large for what has to be evaluated, or what would be asked for it is",
            .too_costly => "an expression takes too many steps or too much memory for it",
            .memory => "there was no memory for it",
            .no_configuration => "this worker has no configuration",
            .@"unreachable" => "it could not be reached",
            .timeout => "it did not answer in time",
            .no_answer => "the connection ended before its answer",
            .bad_answer => "its answer says neither OK nor OVER_LIMIT",
            .refused => "the call ended with",
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
    part: union(enum) { none, condition: usize, counter: struct { number: usize, key: []const u8 } } = .none,

    /// Of the part, in what a limit has.
    fn number(place: Place) u64 {
        return switch (place.part) {
            .none => 0,
            .condition => |condition| 1 + 2 * @as(u64, condition),
            .counter => |counter| 2 + 2 * @as(u64, counter.number),
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
        }
    }
};

/// Of the present request.
pub var present: Place = .{};

var pace: Pace = .{};

/// A request is refused for something in `present`: worth a line, but not one per request.
pub fn tell(kind: Kind, outcome: enum { refused, left_out }) void {
    if (!pace.may(&.{ @tagName(kind), present.rule, present.scope, present.limit }, present.number(), clock.nanoseconds())) return;
    host.refreshLogLevel();
    host.log(.warn, "{s}{f}; {s}; more of this within a minute is not logged", .{ kind.words(), present, switch (outcome) {
        .refused => "the request is answered with 500",
        .left_out => "the limit is left out, as the failure mode is allow",
    } });
}

/// A call of this scope has no verdict. `limit` is the one that was asked for; empty if there were more.
pub fn tellOfCall(service: []const u8, mode: []const u8, failure: Failure, scope: []const u8, limit: []const u8) void {
    // Who is away is away for all; who says no may say so to one.
    const of_one = if (failure.kind == .refused) scope else "";
    if (!pace.may(&.{ @tagName(failure.kind), service, of_one }, 0, clock.nanoseconds())) return;
    host.refreshLogLevel();
    host.log(.warn, "service {f}: {f}{f}; its failure mode is {s}; more of this within a minute is not logged", .{ host.quoted(service), failure, Place{ .scope = scope, .limit = limit }, mode });
}

// ------------------------------------------------------------------ response code details

const longest_part = 320;

/// Long enough for everything that is written here and for names of counters. Not on the stack: there it would be filled each time.
var buffer: [1024]u8 = undefined;

/// Whose text holds until the next one is begun.
pub fn begin() std.Io.Writer {
    return .fixed(&buffer);
}

/// `kuadrant_limited{<limit>,<scope>}`, without a limit that is not known.
pub fn limited(limit: []const u8, scope: []const u8) []const u8 {
    var writer = begin();
    write(&writer, "kuadrant_limited", &.{ limit, scope }) catch unreachable;
    return writer.buffered();
}

/// `kuadrant_failed{<kind>,<rule>,<limit>,<scope>}`, without what is not known.
pub fn failed(failure: Failure, place: Place) []const u8 {
    var writer = begin();
    var number: [24]u8 = undefined;
    const status = if (failure.grpc_status) |status| std.fmt.bufPrint(&number, "grpc_status_{d}", .{status}) catch unreachable else "";
    // A rule's name is all that there is to say of a rule that could not be tried.
    const limit = if (place.rule.len > 0) place.rule else place.limit;
    write(&writer, "kuadrant_failed", &.{ @tagName(failure.kind), status, limit, place.scope }) catch unreachable;
    return writer.buffered();
}

fn write(writer: *std.Io.Writer, name: []const u8, parts: []const []const u8) std.Io.Writer.Error!void {
    try writer.writeAll(name);
    try writer.writeByte('{');
    var first = true;
    for (parts) |part| {
        if (part.len == 0) continue;
        if (!first) try writer.writeByte(',');
        first = false;
        try word(writer, part);
    }
    try writer.writeByte('}');
}

/// `text` as one word of what access logs and counters are made of: no white space, nothing that parts or ends a list. Of a long one
/// the beginning and the end, where limits' keys have their digest.
pub fn word(writer: *std.Io.Writer, text: []const u8) std.Io.Writer.Error!void {
    const end = 20;
    if (text.len <= longest_part) return plain(writer, text);
    try plain(writer, text[0 .. longest_part - end - 2]);
    try writer.writeAll("..");
    try plain(writer, text[text.len - end ..]);
}

fn plain(writer: *std.Io.Writer, text: []const u8) std.Io.Writer.Error!void {
    var begun: usize = 0;
    for (text, 0..) |byte, index| if (!is_plain[byte]) {
        try writer.writeAll(text[begun..index]);
        try writer.writeByte('_');
        begun = index + 1;
    };
    try writer.writeAll(text[begun..]);
}

const is_plain = blk: {
    var table: [256]bool = @splat(false);
    for (&table, 0..) |*one, byte| one.* = switch (byte) {
        'a'...'z', 'A'...'Z', '0'...'9', '.', '_', '-', '/', ':', '@' => true,
        else => false,
    };
    break :blk table;
};

test "the details of a request that is limited" {
    try std.testing.expectEqualStrings("kuadrant_limited{limit.create_toy__fb82c51a,default/toystore}", limited("limit.create_toy__fb82c51a", "default/toystore"));
    try std.testing.expectEqualStrings("kuadrant_limited{default/toystore}", limited("", "default/toystore"));
    try std.testing.expectEqualStrings("kuadrant_limited{a_b__c___}", limited("", "a b{}c,\xc3\xa9"));
}

test "the details of a request that could not be decided" {
    try std.testing.expectEqualStrings("kuadrant_failed{expression,limit.a__1,default/toystore}", failed(.{ .kind = .expression }, .{ .scope = "default/toystore", .limit = "limit.a__1" }));
    try std.testing.expectEqualStrings("kuadrant_failed{refused,grpc_status_9,default/toystore}", failed(.{ .kind = .refused, .grpc_status = 9 }, .{ .scope = "default/toystore" }));
    try std.testing.expectEqualStrings("kuadrant_failed{rule,5aec}", failed(.{ .kind = .rule }, .{ .rule = "5aec" }));
    try std.testing.expectEqualStrings("kuadrant_failed{memory}", failed(.{ .kind = .memory }, .{}));
}

test "however long names are, details have an end" {
    const long: [5000]u8 = @splat('x');
    const details = limited("limit." ++ long ++ "__fb82c51a", &long);
    try std.testing.expect(details.len < 700);
    try std.testing.expect(std.mem.find(u8, details, "__fb82c51a,") != null);
}
