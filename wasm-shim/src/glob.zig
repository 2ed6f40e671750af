//! The pattern of the operator `matches`: `?` is no or one character, `*` any number, `+` one or more, `\` takes what follows
//! as it is. It has to hold for the whole value.

const std = @import("std");
const Allocator = std.mem.Allocator;

const Token = union(enum) {
    character: u32,
    any,
    any_or_none,
    any_number,
};

pub const Glob = struct {
    tokens: []const Token,

    /// `pattern` is UTF-8. A `\` at its end stands for itself.
    pub fn compile(allocator: Allocator, pattern: []const u8) error{OutOfMemory}!Glob {
        var tokens: std.ArrayList(Token) = .empty;
        var rest: Characters = .{ .bytes = pattern };
        while (rest.next()) |character| switch (character) {
            '?' => try tokens.append(allocator, .any_or_none),
            '*' => try tokens.append(allocator, .any_number),
            '+' => try tokens.appendSlice(allocator, &.{ .any, .any_number }),
            '\\' => try tokens.append(allocator, .{ .character = rest.next() orelse '\\' }),
            else => try tokens.append(allocator, .{ .character = character }),
        };
        return .{ .tokens = tokens.items };
    }

    /// Follows all ways through the pattern at once: state `i` says that the first `i` tokens can have taken what was read.
    /// States before an active `*` can reach nothing that it cannot, so only the stretch behind the last one is kept.
    pub fn matches(glob: Glob, allocator: Allocator, value: []const u8) error{OutOfMemory}!bool {
        const tokens = glob.tokens;
        const states = try allocator.alloc(bool, 2 * (tokens.len + 1));
        @memset(states, false);
        var now = states[0 .. tokens.len + 1];
        var then = states[tokens.len + 1 ..];
        var first: usize = 0;
        now[0] = true;
        var last = skipOptional(tokens, now, &first, 0);

        var rest: Characters = .{ .bytes = value };
        while (rest.next()) |character| {
            const from = first;
            var next_first = from;
            var next_last: ?usize = null;
            for (from..last + 1) |state| {
                if (!now[state]) continue;
                now[state] = false;
                if (state == tokens.len) continue;
                const reached = switch (tokens[state]) {
                    .character => |wanted| if (wanted == character) state + 1 else continue,
                    .any, .any_or_none => state + 1,
                    .any_number => state,
                };
                then[reached] = true;
                next_last = @max(next_last orelse 0, reached);
            }
            last = skipOptional(tokens, then, &next_first, next_last orelse return false);
            first = next_first;
            std.mem.swap([]bool, &now, &then);
        }
        return now[tokens.len];
    }

    /// Adds the states that are reached without a character; returns the last active one and moves `first` to the last active `*`.
    fn skipOptional(tokens: []const Token, states: []bool, first: *usize, last: usize) usize {
        var end = last;
        var state = first.*;
        while (state <= end and state < tokens.len) : (state += 1) {
            if (!states[state]) continue;
            switch (tokens[state]) {
                .any_number => {
                    @memset(states[first.*..state], false);
                    first.* = state;
                },
                .any_or_none => {},
                .character, .any => continue,
            }
            states[state + 1] = true;
            end = @max(end, state + 1);
        }
        return end;
    }
};

/// Code points; a byte that is not UTF-8 counts as one character that equals no other.
const Characters = struct {
    bytes: []const u8,

    fn next(characters: *Characters) ?u32 {
        const bytes = characters.bytes;
        if (bytes.len == 0) return null;
        const length = std.unicode.utf8ByteSequenceLength(bytes[0]) catch 1;
        if (length > 1 and length <= bytes.len) {
            if (std.unicode.utf8Decode(bytes[0..length])) |character| {
                characters.bytes = bytes[length..];
                return character;
            } else |_| {}
        }
        characters.bytes = bytes[1..];
        return if (bytes[0] < 0x80) bytes[0] else 0x110000 + @as(u32, bytes[0]);
    }
};
