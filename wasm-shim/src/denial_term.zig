//! For how long a denial holds, and how the numbers of its answer go down meanwhile.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const endOfText = @import("header_list.zig").endOfText;
const Answer = @import("rate_limit_answer.zig").Answer;
const Kind = @import("limit_header.zig").Kind;
const Allocator = std.mem.Allocator;

/// So late an edit that raises a limit is noticed at most.
pub const longest_ms = 1000;

pub const Term = struct {
    milliseconds: u32,
    /// After how many milliseconds each number of seconds is one less, 0 for never, with spaces between: that of `retry-after` and
    /// `kuadrant-again`, `x-ratelimit-reset`, and `t` of each member of `ratelimit`.
    falls: []const u8 = "",

    /// The term of an answer; `null` where the same has to be asked again. Our service says it, and leaves it out where a question is
    /// more than its answer: where a limit that refuses nobody is told of it. Limitador says no more than `x-ratelimit-reset`, which it
    /// cuts: so long a limit certainly has no room, if it is the only one that the question is about, or another may be meant.
    pub fn of(answer: Answer, asked: Asked) ?Term {
        if (answer.term.len > 0) return read(answer.term);
        if (answer.verdict != .over_limit or !asked.one_limit or asked.by_cost) return null;
        var reset: u32 = 0;
        var names_one = false;
        for (answer.headers) |header| switch (Kind.of(header.name)) {
            .reset => reset = std.fmt.parseInt(u32, header.value, 10) catch 0,
            .limit => names_one = std.mem.count(u8, header.value, ";w=") == 1,
            // Not Limitador: what another service means by a reset is not known.
            .retry_after => return null,
            else => {},
        };
        return if (names_one and reset > 0) .{ .milliseconds = longest_ms } else null;
    }

    fn read(text: []const u8) ?Term {
        const space = std.mem.findScalar(u8, text, ' ') orelse text.len;
        const milliseconds = std.fmt.parseInt(u32, text[0..space], 10) catch return null;
        if (milliseconds == 0) return null;
        return .{ .milliseconds = @min(milliseconds, longest_ms), .falls = text[@min(space + 1, text.len)..] };
    }

    /// Whether it may hold for longer than it is kept.
    pub fn goesOn(term: Term) bool {
        return term.milliseconds + 1 >= longest_ms;
    }

    /// The headers as they are so many milliseconds after the answer came.
    pub fn countDown(term: Term, allocator: Allocator, headers: []const host.Header, passed_ms: u64) error{OutOfMemory}![]const host.Header {
        var falls: Falls = .{ .numbers = std.mem.splitScalar(u8, term.falls, ' '), .passed_ms = passed_ms };
        const retry = falls.next();
        const reset = falls.next();
        const later = try allocator.dupe(host.Header, headers);
        for (later) |*header| header.value = switch (Kind.of(header.name)) {
            .retry_after, .again => try less(allocator, header.value, retry),
            .reset => try less(allocator, header.value, reset),
            .limits => try membersLess(allocator, header.value, &falls),
            else => continue,
        };
        return later;
    }
};

/// What of a question decides whether its answer can be kept.
pub const Asked = struct { one_limit: bool = false, by_cost: bool = false };

const Falls = struct {
    numbers: std.mem.SplitIterator(u8, .scalar),
    passed_ms: u64,

    /// Whether the next number is one less by now.
    fn next(falls: *Falls) bool {
        const after = std.fmt.parseInt(u32, falls.numbers.next() orelse return false, 10) catch return false;
        return after > 0 and after <= falls.passed_ms;
    }
};

fn less(allocator: Allocator, text: []const u8, falls: bool) error{OutOfMemory}![]const u8 {
    if (!falls) return text;
    const seconds = std.fmt.parseInt(u64, text, 10) catch return text;
    return std.fmt.allocPrint(allocator, "{d}", .{seconds -| 1});
}

/// A list of members, of which each has its own number.
fn membersLess(allocator: Allocator, list: []const u8, falls: *Falls) error{OutOfMemory}![]const u8 {
    var result: std.ArrayList(u8) = .empty;
    var rest = list;
    while (rest.len > 0) {
        const end = endOfText(rest);
        const next = end + (std.mem.findScalar(u8, rest[end..], '"') orelse rest.len - end);
        const member = rest[0..next];
        rest = rest[next..];
        const is_less = falls.next();
        const before = if (std.mem.find(u8, member[end..], ";t=")) |at| end + at + ";t=".len else member.len;
        const after = std.mem.findNonePos(u8, member, before, "0123456789") orelse member.len;
        try result.appendSlice(allocator, member[0..before]);
        try result.appendSlice(allocator, try less(allocator, member[before..after], is_less));
        try result.appendSlice(allocator, member[after..]);
    }
    return result.items;
}

const testing = std.testing;

test "which answers have a term" {
    const triple = [_]host.Header{
        .{ .name = "X-RateLimit-Limit", .value = "5, 5;w=10;name=\"a\"" },
        .{ .name = "X-RateLimit-Remaining", .value = "0" },
        .{ .name = "X-RateLimit-Reset", .value = "1" },
    };
    const cut = triple[0..2] ++ [_]host.Header{.{ .name = "x-ratelimit-reset", .value = "0" }};
    const several = [_]host.Header{.{ .name = "x-ratelimit-limit", .value = "5, 5;w=10;name=\"a\", 9;w=60;name=\"b\"" }} ++ triple[1..];
    const ours = triple ++ [_]host.Header{.{ .name = "retry-after", .value = "2" }};
    const Case = struct { term: []const u8 = "", headers: []const host.Header = &.{}, asked: Asked = .{ .one_limit = true }, ok: bool = false, expected: ?u32 };
    const cases = [_]Case{
        .{ .term = "250 100 0", .expected = 250 },
        .{ .term = "250", .asked = .{ .by_cost = true }, .expected = 250 },
        .{ .term = "999 0 0", .ok = true, .expected = 999 }, // one that only looks
        .{ .term = "70000 0 0", .expected = longest_ms },
        .{ .term = "0 0 0", .expected = null },
        .{ .term = "soon", .expected = null },
        .{ .term = "", .expected = null }, // it has no headers: nobody knows
        .{ .headers = &triple, .expected = longest_ms },
        .{ .headers = &triple, .ok = true, .expected = null },
        .{ .headers = &triple, .asked = .{}, .expected = null }, // several limits
        .{ .headers = &triple, .asked = .{ .one_limit = true, .by_cost = true }, .expected = null },
        .{ .headers = several, .expected = null }, // a limit of several rates
        .{ .headers = cut, .expected = null }, // less than a second
        .{ .headers = &ours, .expected = null }, // our service of before
    };
    for (cases) |case| {
        const answer: Answer = .{ .verdict = if (case.ok) .ok else .over_limit, .headers = case.headers, .term = case.term };
        const term = Term.of(answer, case.asked);
        try testing.expectEqual(case.expected, if (term) |found| found.milliseconds else null);
    }
}

test "numbers go down, each in its time" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    const term: Term = .{ .milliseconds = 900, .falls = "500 0 300 700" };
    const Case = struct { u64, []const u8, []const u8 };
    for ([_]Case{
        .{ 299, "10", "\"a\\\"x;t=5\";r=0;t=10, \"b\";r=3;t=7, \"c\";r=0" },
        .{ 300, "10", "\"a\\\"x;t=5\";r=0;t=9, \"b\";r=3;t=7, \"c\";r=0" },
        .{ 899, "9", "\"a\\\"x;t=5\";r=0;t=9, \"b\";r=3;t=6, \"c\";r=0" },
    }) |case| {
        const headers = [_]host.Header{
            .{ .name = "retry-after", .value = "10" },
            .{ .name = "x-ratelimit-reset", .value = "4" },
            .{ .name = "kuadrant-again", .value = "never" },
            .{ .name = "ratelimit", .value = "\"a\\\"x;t=5\";r=0;t=10, \"b\";r=3;t=7, \"c\";r=0" },
            .{ .name = "ratelimit-policy", .value = "\"a\";q=5;w=10" },
        };
        const expected = [_][]const u8{ case[1], "4", "never", case[2], "\"a\";q=5;w=10" };
        for (try term.countDown(arena.allocator(), &headers, case[0]), expected) |header, value| try testing.expectEqualStrings(value, header.value);
    }
}
