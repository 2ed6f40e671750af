//! What was decided for a request, in one line of JSON: for access logs, as filter state, and for who follows decisions.
//!
//! A record says what the configuration calls things. Nothing that a client sent is in what access logs get.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const Limit = @import("limit.zig").Limit;
const failures = @import("failure.zig");
const live_explanation = @import("live_explanation.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const reports = @import("decision_reports.zig");
const Object = @import("json_writer.zig").Object;
const string = @import("json_writer.zig").string;
const protobuf = @import("protobuf.zig");

/// What is known of a request beside its outcome. Texts of its configuration.
pub const Request = struct {
    /// Whether access logs are to have the record.
    logged: bool = false,
    /// Whether its client may know it: the stream whose response is to have it then.
    explained: bool = false,
    stream: u32 = 0,
    rule: []const u8 = "",
    route: []const u8 = "",
    /// The limit that could not be evaluated.
    limit: ?*const Limit = null,
    /// The keys of the soft limits that are exceeded.
    exceeded: []const []const u8 = &.{},
    /// Why a question has no answer of a request that goes on all the same.
    passed: ?failures.Failure = null,
};

/// Of the present request.
pub var present: Request = .{};

pub const Outcome = union(enum) {
    allowed,
    /// By the limit with this key, if it is known.
    limited: struct { scope: []const u8, key: []const u8 },
    failed: struct { failure: failures.Failure, place: failures.Place },
};

const longest_name = 320;
const longest_expression = 400;
const most_asked = 8;
const most_policies = 4;

/// Not on the stack: there it would be filled each time.
var buffer: [6 * 1024]u8 = undefined;
/// What access logs get; the rest is room for what reports say of the client.
const most_logged = 3 * 1024;

/// The request has been decided; the calls are those that were to be made for it. To be called while its stream is the current one.
/// Inline, so that it costs nothing where nobody is to have the record.
pub inline fn leave(request: *const Request, outcome: Outcome, calls: []const rate_limit_call.Call) void {
    if (request.logged or request.explained or reports.wanted()) record(request, outcome, calls);
}

fn record(request: *const Request, outcome: Outcome, calls: []const rate_limit_call.Call) void {
    const followed = reports.wanted();
    var writer: std.Io.Writer = .fixed(buffer[0..most_logged]);
    var object: Object = .begin(&writer);
    write(&object, request, outcome, calls);
    if (request.logged or request.explained) {
        var whole = object;
        whole.end();
        if (request.logged) _ = host.setProperty("kuadrant.decision", writer.buffered());
        if (request.explained) live_explanation.keep(request.stream, writer.buffered());
        writer.end -= 1;
    }
    if (!followed) return;
    var longer: std.Io.Writer = .fixed(&buffer);
    longer.end = writer.end;
    object.writer = &longer;
    reports.describe(&object);
    object.end();
    reports.add(longer.buffered());
}

fn write(object: *Object, request: *const Request, outcome: Outcome, calls: []const rate_limit_call.Call) void {
    object.text("verdict", @tagName(outcome), longest_name);
    switch (outcome) {
        .allowed => {
            if (request.passed) |failure| writeFailure(object, failure);
            writeList(object, "soft", request.exceeded[0..@min(request.exceeded.len, most_asked)]);
        },
        .limited => |limited| {
            object.someText("limit", limited.key, longest_name);
            if (find(calls, limited.key)) |limit| writePolicies(object, limit);
            object.text("scope", limited.scope, longest_name);
        },
        .failed => |failed| {
            writeFailure(object, failed.failure);
            object.someText("limit", failed.place.limit, longest_name);
            if (request.limit orelse find(calls, failed.place.limit)) |limit| {
                writePolicies(object, limit);
                writeExpression(object, limit, failed.place);
            }
            object.someText("scope", failed.place.scope, longest_name);
        },
    }
    object.someText("route", request.route, longest_name);
    object.someText("rule", request.rule, longest_name);
    if (calls.len > 0) writeAsked(object, calls);
}

fn writeFailure(object: *Object, failure: failures.Failure) void {
    var words: [64]u8 = undefined;
    object.text("error", if (failure.grpc_status) |status|
        std.fmt.bufPrint(&words, "{t},grpc_status_{d}", .{ failure.kind, status }) catch unreachable
    else
        @tagName(failure.kind), longest_name);
}

fn writePolicies(object: *Object, limit: *const Limit) void {
    writeList(object, "policies", limit.policies[0..@min(limit.policies.len, most_policies)]);
}

fn writeList(object: *Object, name: []const u8, texts: []const []const u8) void {
    if (texts.len == 0) return;
    const before = object.writer.end;
    tryList(object, name, texts) catch return object.back(before);
    object.keep(before);
}

fn tryList(object: *Object, name: []const u8, texts: []const []const u8) std.Io.Writer.Error!void {
    try object.member(name);
    for (texts, 0..) |text, index| {
        try object.writer.writeByte(if (index == 0) '[' else ',');
        try string(object.writer, text, longest_name);
    }
    try object.writer.writeByte(']');
}

/// What could not be evaluated, as its author wrote it.
fn writeExpression(object: *Object, limit: *const Limit, place: failures.Place) void {
    switch (place.part) {
        .none => {},
        .condition => |number| {
            writePart(object, "condition", number + 1);
            if (number < limit.conditions.len) object.text("expression", limit.conditions[number], longest_expression);
        },
        .counter => |counter| {
            writePart(object, "counter", counter.number);
            object.text("expression", counter.key, longest_expression);
        },
        .cost => object.text("part", "cost", 40),
    }
}

fn writePart(object: *Object, what: []const u8, number: usize) void {
    var words: [40]u8 = undefined;
    object.text("part", std.fmt.bufPrint(&words, "{s} {d}", .{ what, number }) catch unreachable, words.len);
}

fn find(calls: []const rate_limit_call.Call, key: []const u8) ?*const Limit {
    if (key.len == 0) return null;
    for (calls) |call| for (call.limits) |*limit| if (std.mem.eql(u8, limit.key(), key)) return limit;
    return null;
}

/// The limits that applied, by their keys.
fn writeAsked(object: *Object, calls: []const rate_limit_call.Call) void {
    const before = object.writer.end;
    tryAsked(object, calls) catch return object.back(before);
    object.keep(before);
}

fn tryAsked(object: *Object, calls: []const rate_limit_call.Call) error{ WriteFailed, Malformed }!void {
    try object.member("asked");
    var count: usize = 0;
    for (calls) |call| {
        var each: Keys = try .init(call.message);
        while (try each.next()) |key| {
            const is_limit = for (call.limits) |*limit| {
                if (std.mem.eql(u8, limit.key(), key)) break true;
            } else false;
            if (!is_limit or count == most_asked) continue;
            try object.writer.writeByte(if (count == 0) '[' else ',');
            try string(object.writer, key, longest_name);
            count += 1;
        }
    }
    try object.writer.writeAll(if (count == 0) "[]" else "]");
}

/// The keys of the descriptor's entries of a question, which has one.
const Keys = struct {
    entries: protobuf.Reader,

    fn init(message: []const u8) error{Malformed}!Keys {
        var fields: protobuf.Reader = .{ .bytes = message };
        while (try fields.next()) |field| if (field.number == 2 and field.value == .bytes) return .{ .entries = .{ .bytes = field.value.bytes } };
        return .{ .entries = .{ .bytes = "" } };
    }

    fn next(keys: *Keys) error{Malformed}!?[]const u8 {
        while (try keys.entries.next()) |entry| {
            if (entry.number != 1 or entry.value != .bytes) continue;
            var parts: protobuf.Reader = .{ .bytes = entry.value.bytes };
            while (try parts.next()) |part| if (part.number == 1 and part.value == .bytes) return part.value.bytes;
        }
        return null;
    }
};
