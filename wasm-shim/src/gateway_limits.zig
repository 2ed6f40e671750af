//! Limits that a gateway counts itself: it answers the question that they ask as our rate limit service would, from counters that all of
//! its workers share.
//!
//! All that enforce are looked at, then all are counted; where one has no room none is. What was counted for a request that is refused
//! all the same, by a service or because it gave no answer, is taken back.

const std = @import("std");
const gateway_headers = @import("gateway_headers.zig");
const header_form = @import("header_form.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const protobuf = @import("protobuf.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const retry_after = @import("retry_after.zig");
const shared_counters = @import("shared_counters.zig");
const soft_signal = @import("soft_signal.zig");
const Answer = @import("rate_limit_answer.zig").Answer;
const Call = rate_limit_call.Call;
const Limit = @import("limit.zig").Limit;
const GatewayLimit = gateway_limit.GatewayLimit;
const Rate = gateway_limit.Rate;
const Told = gateway_headers.Told;
const gateway_limit = @import("gateway_limit.zig");

pub const Counted = shared_counters.Counted;
const Error = shared_counters.Error || error{Malformed};

/// What the descriptor of a question has under its keys.
const Entries = struct {
    items: []const host.Header,

    fn read(message: []const u8) Error!Entries {
        var found: std.ArrayList(host.Header) = .empty;
        var fields: protobuf.Reader = .{ .bytes = message };
        while (try fields.next()) |field| {
            if (field.number != 2 or field.value != .bytes) continue;
            var entries: protobuf.Reader = .{ .bytes = field.value.bytes };
            while (try entries.next()) |entry| if (entry.number == 1 and entry.value == .bytes) try found.append(memory.scratch, try pair(entry.value.bytes));
        }
        return .{ .items = found.items };
    }

    fn pair(bytes: []const u8) Error!host.Header {
        var result: host.Header = .{ .name = "", .value = "" };
        var parts: protobuf.Reader = .{ .bytes = bytes };
        while (try parts.next()) |part| if (part.value == .bytes) switch (part.number) {
            1 => result.name = part.value.bytes,
            2 => result.value = part.value.bytes,
            else => {},
        };
        return result;
    }

    fn get(entries: Entries, key: []const u8) ?[]const u8 {
        for (entries.items) |entry| if (std.mem.eql(u8, entry.name, key)) return entry.value;
        return null;
    }

    fn is(entries: Entries, key: []const u8, value: []const u8) bool {
        return std.mem.eql(u8, entries.get(key) orelse return false, value);
    }
};

/// One counter that a question is about.
const Ask = struct {
    limit: *const Limit,
    own: *const GatewayLimit,
    rate: Rate,
    place: shared_counters.Place,
    hits: u64,
    standing: shared_counters.Standing = .{},

    fn isFull(ask: *const Ask) bool {
        return ask.standing.hits +| ask.hits > ask.rate.most;
    }

    fn told(ask: *const Ask, now: u64) Told {
        const most = ask.rate.most;
        const left = if (ask.standing.hits > 0) ask.standing.ends -| now else ask.rate.window();
        const wait: ?u64 = if (most < ask.hits) null else if (ask.isFull()) left else 0;
        return .{ .name = ask.own.name, .most = most, .seconds = ask.rate.seconds, .remaining = most -| ask.standing.hits, .reset = left, .wait = wait, .hits = ask.hits };
    }
};

const Question = struct {
    call: Call,
    entries: Entries,
    now: u64,
    enforced: std.ArrayList(Ask) = .empty,
    watched: std.ArrayList(Ask) = .empty,
    exceeded: std.ArrayList([]const u8) = .empty,

    fn of(call: Call, message: []const u8) Error!Question {
        var question: Question = .{ .call = call, .entries = try .read(message), .now = host.nanoseconds() };
        for (call.limits) |*limit| if (limit.here) |own| {
            if (question.entries.is(limit.key(), "1")) try question.add(limit, own);
        };
        return question;
    }

    fn add(question: *Question, limit: *const Limit, own: *const GatewayLimit) Error!void {
        const values = try memory.scratch.alloc([]const u8, limit.entries.len - 1);
        for (limit.entries[1..], values) |entry, *value| value.* = question.entries.get(entry.key) orelse return;
        const hits = if (limit.cost) |cost| try hitsOf(question.entries.get(cost.key) orelse return error.Malformed) else 1;
        const value: ?u64 = if (values.len == 0) null else shared_counters.hash(try shared_counters.commonSeed(), values);
        const refuses = !limit.in_shadow and try gateway_limit.isEnforced(own.percent, limit.key(), values);
        for (own.rates) |rate| {
            const place: shared_counters.Place = .{ .limit = rate.identity, .value = value, .window = rate.window(), .share = question.call.service.share, .is_crowded = question.call.service.is_crowded };
            const asks = if (refuses) &question.enforced else &question.watched;
            try asks.append(memory.scratch, .{ .limit = limit, .own = own, .rate = rate, .place = place, .hits = hits });
        }
    }

    /// The first without room.
    fn look(question: *Question) Error!?*const Limit {
        var full: ?*const Limit = null;
        for (question.enforced.items) |*ask| {
            ask.standing = try shared_counters.look(ask.place, question.now);
            if (ask.isFull() and full == null) full = ask.limit;
        }
        return full;
    }

    /// Counts for those that enforce; the one that has no room after all, and nothing is counted then.
    fn count(question: *Question, counted: *std.ArrayList(Counted)) Error!?*const Limit {
        const before = counted.items.len;
        errdefer takeBack(counted, before);
        for (question.enforced.items) |*ask| {
            try counted.ensureUnusedCapacity(memory.lasting, 1);
            switch (try shared_counters.add(ask.place, ask.hits, ask.rate.most, question.now)) {
                .counted => |one| {
                    ask.standing = one.standing;
                    counted.appendAssumeCapacity(one.counted);
                },
                .full => {
                    takeBack(counted, before);
                    return try question.look() orelse ask.limit;
                },
            }
        }
        return null;
    }

    /// Of a request that goes on: a shadow counts what it would have admitted, a soft limit all.
    fn watch(question: *Question, counted: *std.ArrayList(Counted)) Error!void {
        for (question.watched.items) |*ask| {
            const is_soft = ask.limit.signal.len > 0;
            try counted.ensureUnusedCapacity(memory.lasting, 1);
            const most = if (is_soft and ask.rate.most > 0) std.math.maxInt(u64) else ask.rate.most;
            switch (try shared_counters.add(ask.place, ask.hits, most, question.now)) {
                .counted => |one| {
                    counted.appendAssumeCapacity(one.counted);
                    if (one.standing.hits <= ask.rate.most) continue;
                },
                .full => {},
            }
            metrics.countPassed(ask.limit.key(), question.call.scope, if (is_soft) .soft_exceeded else .shadow_limited);
            if (is_soft) try question.exceeded.append(memory.scratch, ask.limit.key());
        }
    }

    fn answer(question: *Question, denied: ?*const Limit) Error!Answer {
        const headers = try question.told(denied != null);
        if (denied) |limit| return .{ .verdict = .over_limit, .limit = limit.key(), .headers = headers };
        return .{ .verdict = .ok, .headers = headers };
    }

    fn told(question: *Question, is_refusal: bool) Error![]const host.Header {
        var headers: std.ArrayList(host.Header) = .empty;
        if (question.exceeded.items.len > 0 and !is_refusal) try headers.append(memory.scratch, .{
            .name = soft_signal.header_name,
            .value = try std.mem.join(memory.scratch, ",", question.exceeded.items),
        });
        const form = question.entries.get(header_form.asked_by) orelse "";
        const is_asked = question.entries.get(retry_after.asked_by) != null;
        if (question.enforced.items.len == 0 or form.len == 0 and !is_refusal and !is_asked) return headers.items;
        const found = try memory.scratch.alloc(Told, question.enforced.items.len);
        for (question.enforced.items, found) |*ask, *one| one.* = ask.told(question.now);
        std.sort.insertion(Told, found, is_refusal, leavesLess);
        if (is_refusal) try gateway_headers.addRetryAfter(&headers, found);
        if (isOneOf(form, &.{ "Draft03", "Both" })) try gateway_headers.addTriple(&headers, found);
        if (isOneOf(form, &.{ "RateLimit", "Both", "FieldsToo" })) try gateway_headers.addFields(&headers, found, is_refusal);
        if (is_asked) try gateway_headers.addAgain(&headers, found);
        return headers.items;
    }
};

/// More than Envoy's protocol has for a request are not counted, as by the service.
fn hitsOf(text: []const u8) Error!u64 {
    for (text) |byte| if (!std.ascii.isDigit(byte)) return error.Malformed;
    if (text.len == 0) return error.Malformed;
    return std.fmt.parseInt(u32, text, 10) catch std.math.maxInt(u32);
}

/// Of a refusal those without room come first.
fn leavesLess(is_refusal: bool, one: Told, other: Told) bool {
    if (!is_refusal) return one.remaining < other.remaining;
    return @as(i128, one.remaining) - one.hits < @as(i128, other.remaining) - other.hits;
}

fn isOneOf(text: []const u8, words: []const []const u8) bool {
    for (words) |word| if (std.mem.eql(u8, text, word)) return true;
    return false;
}

/// Answers a question, and adds what it has counted to `counted`; all of that was counted for the request.
pub fn decide(call: Call, counted: *std.ArrayList(Counted)) Error!Answer {
    var question: Question = try .of(call, call.message);
    // One alone finds out by counting.
    if (question.enforced.items.len > 1) if (try question.look()) |full| return question.answer(full);
    if (try question.count(counted)) |full| return question.answer(full);
    // What refuses nobody is left uncounted rather than that somebody is refused for it.
    question.watch(counted) catch |reason| host.log(.debug, "limits that refuse nobody: {t}", .{reason});
    return question.answer(null);
}

/// Takes back what was counted last, down to so many.
pub fn takeBack(counted: *std.ArrayList(Counted), down_to: usize) void {
    if (counted.items.len == down_to) return;
    const now = host.nanoseconds();
    while (counted.items.len > down_to) shared_counters.takeBack(counted.pop().?, now);
}

/// Takes all back and lets go of the list.
pub fn release(counted: *std.ArrayList(Counted)) void {
    takeBack(counted, 0);
    counted.deinit(memory.lasting);
}
