//! Regular expressions, compiled beforehand to the instructions of an automaton. All its ways are gone at once, so that a text is gone
//! through once whatever it is.

const std = @import("std");
const work_budget = @import("work_budget.zig");
const Spent = work_budget.Spent;
const Work = work_budget.Work;

pub const Assertion = enum(u8) { text_begin = 0, text_end = 1, line_begin = 2, line_end = 3, boundary = 4, no_boundary = 5 };

pub const Range = struct { first: u21, last: u21 };

pub const Instruction = union(enum) {
    match,
    /// Goes on at both.
    split: [2]u16,
    jump: u16,
    assertion: Assertion,
    /// Takes a character of one of these.
    characters: []const Range,
};

pub const Pattern = struct {
    instructions: []const Instruction,
    /// Whether it can begin at the begin of a text only.
    anchored: bool,

    /// Whether some part of `text` matches.
    pub fn matches(pattern: *const Pattern, work: *Work, text: []const u8) Spent!bool {
        const size = pattern.instructions.len;
        var run: Run = .{
            .pattern = pattern,
            .text = text,
            .stack = try work.allocate(u16, 2 * size + 2),
            .seen = try work.allocate(u32, size),
        };
        @memset(run.seen, 0);
        var present = try work.allocate(u16, size);
        var next = try work.allocate(u16, size);
        var present_length: usize = 0;
        var index: usize = 0;
        while (true) {
            run.steps = 1;
            // The step in which something was seen is the place in the text.
            if (index == 0) {
                run.round = 1;
                if (run.add(present, &present_length, 0, 0)) return true;
            } else if (!pattern.anchored) {
                if (run.add(present, &present_length, 0, index)) return true;
            } else if (present_length == 0) return false;
            if (index >= text.len) {
                try work.take(run.steps);
                return false;
            }
            const length = std.unicode.utf8ByteSequenceLength(text[index]) catch 1;
            const whole = @min(length, text.len - index);
            const character: ?u21 = std.unicode.utf8Decode(text[index..][0..whole]) catch null;
            run.round += 1;
            var next_length: usize = 0;
            for (present[0..present_length]) |at| {
                const ranges = pattern.instructions[at].characters;
                run.steps += 1 + ranges.len / ranges_of_step;
                if (character != null and has(ranges, character.?)) {
                    if (run.add(next, &next_length, at + 1, index + whole)) return true;
                }
            }
            try work.take(run.steps);
            std.mem.swap([]u16, &present, &next);
            present_length = next_length;
            index += whole;
        }
    }
};

/// So many ranges are gone through in a step.
const ranges_of_step = 8;

fn has(ranges: []const Range, character: u21) bool {
    for (ranges) |range| if (character >= range.first and character <= range.last) return true;
    return false;
}

const Run = struct {
    pattern: *const Pattern,
    text: []const u8,
    stack: []u16,
    /// For each instruction the round in which it was met last.
    seen: []u32,
    round: u32 = 0,
    steps: usize = 0,

    /// Adds what takes characters behind the instruction at `start`; whether a match is behind it.
    fn add(run: *Run, list: []u16, length: *usize, start: u16, index: usize) bool {
        var depth: usize = 1;
        run.stack[0] = start;
        while (depth > 0) {
            depth -= 1;
            const at = run.stack[depth];
            if (run.seen[at] == run.round) continue;
            run.seen[at] = run.round;
            run.steps += 1;
            switch (run.pattern.instructions[at]) {
                .match => return true,
                .jump => |to| {
                    run.stack[depth] = to;
                    depth += 1;
                },
                .split => |ways| {
                    run.stack[depth] = ways[1];
                    run.stack[depth + 1] = ways[0];
                    depth += 2;
                },
                .assertion => |one| {
                    run.steps += 1;
                    if (run.holds(one, index)) {
                        run.stack[depth] = at + 1;
                        depth += 1;
                    }
                },
                .characters => {
                    list[length.*] = at;
                    length.* += 1;
                },
            }
        }
        return false;
    }

    fn holds(run: *const Run, assertion: Assertion, index: usize) bool {
        const text = run.text;
        return switch (assertion) {
            .text_begin => index == 0,
            .text_end => index == text.len,
            .line_begin => index == 0 or text[index - 1] == '\n',
            .line_end => index == text.len or text[index] == '\n',
            .boundary => run.atBoundary(index),
            .no_boundary => !run.atBoundary(index),
        };
    }

    fn atBoundary(run: *const Run, index: usize) bool {
        const before = index > 0 and isWord(run.text[index - 1]);
        const after = index < run.text.len and isWord(run.text[index]);
        return before != after;
    }
};

fn isWord(byte: u8) bool {
    return std.ascii.isAlphanumeric(byte) or byte == '_';
}

test "all ways at once" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    var work: Work = .{ .allocator = arena.allocator(), .steps = 10_000, .bytes = 100_000 };
    // ^a*b
    const pattern: Pattern = .{ .anchored = true, .instructions = &.{
        .{ .assertion = .text_begin },
        .{ .split = .{ 2, 4 } },
        .{ .characters = &.{.{ .first = 'a', .last = 'a' }} },
        .{ .jump = 1 },
        .{ .characters = &.{.{ .first = 'b', .last = 'b' }} },
        .match,
    } };
    try std.testing.expect(try pattern.matches(&work, "aaabc"));
    try std.testing.expect(try pattern.matches(&work, "b"));
    try std.testing.expect(!try pattern.matches(&work, "aaac"));
    try std.testing.expect(!try pattern.matches(&work, "cb"));
    try std.testing.expect(!try pattern.matches(&work, ""));
}
