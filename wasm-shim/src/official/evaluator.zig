//! The evaluators that official shims bring, by what they do in another way than the gateway's: their expressions are written so that
//! the gateway's evaluator does the same. Of odd expressions only what tests tell is looked at: no comments, no macros.
//!
//! * An empty query is null, and `string` takes no boolean and no null.
//! * v0.9: a header that is not there is null; `&&` looks at both of its sides.
//! * v0.9, v0.12: `||` and `&&` fail where their first side does. Null contains nothing.
//! * v0.14: all of a call is one expression, in which counters are written by `string`.

const std = @import("std");
const Allocator = std.mem.Allocator;

pub const Version = enum { v0_9, v0_12, v0_14 };

/// All of `predicates` as one.
pub fn predicate(allocator: Allocator, version: Version, predicates: []const []const u8) error{OutOfMemory}![]const u8 {
    var parts: std.ArrayList([]const u8) = .empty;
    for (predicates) |text| try parts.append(allocator, try rewritten(allocator, version, text));
    // One after the other, whatever `&&` is within one.
    return joined(allocator, if (version == .v0_9) .v0_12 else version, .all, parts.items);
}

/// The value of a counter.
pub fn counter(allocator: Allocator, version: Version, text: []const u8) error{OutOfMemory}![]const u8 {
    const value = try rewritten(allocator, version, text);
    if (version == .v0_14) return asText(allocator, value);
    return print(allocator, "(dyn({s}) == null ? 'null' : string({s}))", .{ value, value });
}

fn rewritten(allocator: Allocator, version: Version, text: []const u8) error{OutOfMemory}![]const u8 {
    var parser: Parser = .{ .allocator = allocator, .version = version, .rest = text };
    return parser.choice();
}

fn asText(allocator: Allocator, value: []const u8) error{OutOfMemory}![]const u8 {
    return print(allocator, "(dyn({s}) in [true, false, null] ? request.headers[''] : string({s}))", .{ value, value });
}

fn joined(allocator: Allocator, version: Version, operator: enum { all, any }, parts: []const []const u8) error{OutOfMemory}![]const u8 {
    if (parts.len == 1) return parts[0];
    const strict = version == .v0_9 and operator == .all;
    if (version == .v0_14) {
        const whole = try std.mem.join(allocator, if (operator == .all) ") && (" else ") || (", parts);
        return print(allocator, "(({s}))", .{whole});
    }
    if (strict) {
        var truths: std.ArrayList([]const u8) = .empty;
        for (parts) |_| try truths.append(allocator, "true");
        return print(allocator, "([{s}] == [{s}])", .{ try std.mem.join(allocator, ", ", parts), try std.mem.join(allocator, ", ", truths.items) });
    }
    const rest = try joined(allocator, version, operator, parts[1..]);
    return if (operator == .all) print(allocator, "(({s}) ? ({s}) : false)", .{ parts[0], rest }) else print(allocator, "(({s}) ? true : ({s}))", .{ parts[0], rest });
}

fn print(allocator: Allocator, comptime format: []const u8, values: anytype) error{OutOfMemory}![]const u8 {
    return std.fmt.allocPrint(allocator, format, values);
}

/// Goes through an expression once. What is none is copied as it is: the gateway says so.
const Parser = struct {
    allocator: Allocator,
    version: Version,
    rest: []const u8,

    const Error = error{OutOfMemory};

    fn choice(parser: *Parser) Error![]const u8 {
        const condition = try parser.anyOf();
        if (!parser.take("?")) return condition;
        const yes = try parser.anyOf();
        if (!parser.take(":")) return print(parser.allocator, "{s} ? {s}", .{ condition, yes });
        return print(parser.allocator, "({s}) ? ({s}) : ({s})", .{ condition, yes, try parser.choice() });
    }

    fn anyOf(parser: *Parser) Error![]const u8 {
        var parts: std.ArrayList([]const u8) = .empty;
        while (true) {
            try parts.append(parser.allocator, try parser.allOf());
            if (!parser.take("||")) return joined(parser.allocator, parser.version, .any, parts.items);
        }
    }

    fn allOf(parser: *Parser) Error![]const u8 {
        var parts: std.ArrayList([]const u8) = .empty;
        while (true) {
            try parts.append(parser.allocator, try parser.relation());
            if (!parser.take("&&")) return joined(parser.allocator, parser.version, .all, parts.items);
        }
    }

    /// Everything up to a logical operator, or to what closes the bracket around it.
    fn relation(parser: *Parser) Error![]const u8 {
        var out: std.ArrayList(u8) = .empty;
        while (parser.rest.len > 0) {
            const byte = parser.rest[0];
            switch (byte) {
                ')', ']', ',', '?', ':' => break,
                '(', '[' => {
                    parser.rest = parser.rest[1..];
                    try out.print(parser.allocator, "{c}{s}{c}", .{ byte, try parser.inside(byte), closing(byte) });
                },
                '\'', '"' => try out.appendSlice(parser.allocator, parser.text(byte)),
                'a'...'z', 'A'...'Z', '_' => try out.appendSlice(parser.allocator, try parser.name()),
                else => {
                    if (std.mem.startsWith(u8, parser.rest, "||") or std.mem.startsWith(u8, parser.rest, "&&")) break;
                    try out.append(parser.allocator, byte);
                    parser.rest = parser.rest[1..];
                },
            }
        }
        return std.mem.trim(u8, out.items, " \n\t");
    }

    /// What is in a bracket, its end taken.
    fn inside(parser: *Parser, opening: u8) Error![]const u8 {
        var items: std.ArrayList([]const u8) = .empty;
        while (true) {
            try items.append(parser.allocator, try parser.choice());
            if (!parser.take(",")) break;
        }
        _ = parser.take(&.{closing(opening)});
        return std.mem.join(parser.allocator, ", ", items.items);
    }

    fn text(parser: *Parser, quote: u8) []const u8 {
        var length: usize = 1;
        while (length < parser.rest.len and parser.rest[length] != quote) length += if (parser.rest[length] == '\\') 2 else 1;
        return parser.cut(@min(length + 1, parser.rest.len));
    }

    /// A name with what belongs to it by dots.
    fn name(parser: *Parser) Error![]const u8 {
        var length: usize = 0;
        while (length < parser.rest.len and (std.ascii.isAlphanumeric(parser.rest[length]) or parser.rest[length] == '_' or parser.rest[length] == '.')) length += 1;
        const whole = parser.cut(length);
        const query = "request.query";
        if (std.mem.eql(u8, whole, query)) return "(request.query == '' ? dyn(null) : request.query)";
        if (std.mem.startsWith(u8, whole, query ++ ".")) {
            const method = whole[query.len..];
            if (parser.version != .v0_14 and std.mem.eql(u8, method, ".contains")) return whole;
            return print(parser.allocator, "(request.query == '' ? dyn(null) : request.query){s}", .{method});
        }
        if (std.mem.eql(u8, whole, "string") and parser.take("(")) return asText(parser.allocator, try parser.inside('('));
        if (parser.version == .v0_9 and std.mem.eql(u8, whole, "request.headers") and parser.take("[")) {
            const key = try parser.inside('[');
            return print(parser.allocator, "({s} in request.headers ? request.headers[{s}] : dyn(null))", .{ key, key });
        }
        return whole;
    }

    fn take(parser: *Parser, sign: []const u8) bool {
        const rest = std.mem.trimStart(u8, parser.rest, " \n\t");
        if (!std.mem.startsWith(u8, rest, sign)) return false;
        parser.rest = rest[sign.len..];
        return true;
    }

    fn cut(parser: *Parser, length: usize) []const u8 {
        defer parser.rest = parser.rest[length..];
        return parser.rest[0..length];
    }
};

fn closing(opening: u8) u8 {
    return if (opening == '(') ')' else ']';
}

test "each version in the gateway's words" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const cases = [_]struct { Version, []const u8, []const u8 }{
        .{ .v0_9, "a && b.c('x && y')", "([a, b.c('x && y')] == [true, true])" },
        .{ .v0_12, "a && b", "((a) ? (b) : false)" },
        .{ .v0_12, "a||(b||c)", "((a) ? true : ((((b) ? true : (c)))))" },
        .{ .v0_14, "a || b", "((a) || (b))" },
        .{ .v0_9, "request.headers['x'] == 'a'", "('x' in request.headers ? request.headers['x'] : dyn(null)) == 'a'" },
        .{ .v0_12, "request.headers['x'] == 'a'", "request.headers['x'] == 'a'" },
        .{ .v0_14, "request.query.contains('a')", "(request.query == '' ? dyn(null) : request.query).contains('a')" },
        .{ .v0_12, "a ? b : c", "(a) ? (b) : (c)" },
    };
    for (cases) |one| try std.testing.expectEqualStrings(one[2], try predicate(arena.allocator(), one[0], &.{one[1]}));
}
