//! The pattern of the operator `matches`: `?` is no or one character, `*` any number, `+` one or more, `\` takes what follows
//! as it is. It has to hold for the whole value.

const std = @import("std");
const Allocator = std.mem.Allocator;

const Word = u64;
const word_bits = @bitSizeOf(Word);

/// The most tokens that a pattern may have; it bounds what one character of a value can cost. No pattern of 1024 characters has more: a
/// `+` may be two, but one of two that are side by side is one.
pub const most_tokens = 1536;

/// All ways through the pattern are followed at once: bit `i` of the states says that the first `i` tokens can have taken what was
/// read. One character of a value is one step over the words that hold these bits, whatever pattern and value are.
pub const Glob = struct {
    tokens: usize,
    /// Tokens that take any character.
    wild: []const Word,
    /// Tokens that need not take one.
    optional: []const Word,
    /// Tokens that take any number.
    loops: []const Word,
    /// Which tokens are a character, in the order of the characters.
    characters: []const Literal,
    /// Where those of an ASCII character begin among them, or `none`.
    ascii: *const [128]u16,

    const none = std.math.maxInt(u16);
    const Literal = struct { character: u32, word: u32, bits: Word };

    /// For a condition without a pattern.
    pub const nothing: Glob = .{ .tokens = 0, .wild = &.{}, .optional = &.{}, .loops = &.{}, .characters = &.{}, .ascii = &@splat(none) };

    /// `pattern` is UTF-8. A `\` at its end stands for itself. `null` for one that is too long.
    pub fn compile(allocator: Allocator, pattern: []const u8) error{OutOfMemory}!?Glob {
        var tokens: std.ArrayList(Token) = .empty;
        defer tokens.deinit(allocator);
        var rest: Characters = .{ .bytes = pattern };
        while (rest.next()) |character| {
            if (tokens.items.len > 2 * most_tokens) return null;
            switch (character) {
                '?' => try addWildcard(allocator, &tokens, .any_or_none),
                '*' => try addWildcard(allocator, &tokens, .any_number),
                '+' => {
                    try addWildcard(allocator, &tokens, .any);
                    try addWildcard(allocator, &tokens, .any_number);
                },
                '\\' => try tokens.append(allocator, .{ .character = rest.next() orelse '\\' }),
                else => try tokens.append(allocator, .{ .character = character }),
            }
        }
        if (tokens.items.len > most_tokens) return null;
        return try build(allocator, tokens.items);
    }

    const Token = union(enum) { character: u32, any, any_or_none, any_number };

    /// Beside a `*` neither a `?` nor another `*` means anything.
    fn addWildcard(allocator: Allocator, tokens: *std.ArrayList(Token), token: Token) error{OutOfMemory}!void {
        const behind_loop = tokens.items.len > 0 and tokens.items[tokens.items.len - 1] == .any_number;
        if (token == .any) {
            // One that has to be there goes before the loop: `*+` is `+`.
            if (behind_loop) _ = tokens.pop();
        } else if (behind_loop) return;
        if (token == .any_number) {
            while (tokens.items.len > 0 and tokens.items[tokens.items.len - 1] == .any_or_none) _ = tokens.pop();
        }
        try tokens.append(allocator, token);
        if (token == .any and behind_loop) try tokens.append(allocator, .any_number);
    }

    fn build(allocator: Allocator, tokens: []const Token) error{OutOfMemory}!Glob {
        const words = tokens.len / word_bits + 1;
        const masks = try allocator.alloc(Word, 3 * words);
        @memset(masks, 0);
        const wild, const optional, const loops = .{ masks[0..words], masks[words..][0..words], masks[2 * words ..] };
        var literals: std.ArrayList(Literal) = .empty;
        for (tokens, 0..) |token, index| {
            const word = index / word_bits;
            const bit = @as(Word, 1) << @intCast(index % word_bits);
            if (token != .character) wild[word] |= bit;
            switch (token) {
                .character => |character| try literals.append(allocator, .{ .character = character, .word = @intCast(word), .bits = bit }),
                .any => {},
                .any_or_none => optional[word] |= bit,
                .any_number => {
                    optional[word] |= bit;
                    loops[word] |= bit;
                },
            }
        }
        const characters = merged(literals.items);
        return .{ .tokens = tokens.len, .wild = wild, .optional = optional, .loops = loops, .characters = characters, .ascii = try asciiIndex(allocator, characters) };
    }

    /// One entry for each character and word.
    fn merged(literals: []Literal) []const Literal {
        std.mem.sortUnstable(Literal, literals, {}, struct {
            fn before(_: void, a: Literal, b: Literal) bool {
                return if (a.character == b.character) a.word < b.word else a.character < b.character;
            }
        }.before);
        var count: usize = 0;
        for (literals) |literal| {
            if (count > 0 and literals[count - 1].character == literal.character and literals[count - 1].word == literal.word) {
                literals[count - 1].bits |= literal.bits;
            } else {
                literals[count] = literal;
                count += 1;
            }
        }
        return literals[0..count];
    }

    fn asciiIndex(allocator: Allocator, characters: []const Literal) error{OutOfMemory}!*const [128]u16 {
        const table = try allocator.create([128]u16);
        table.* = @splat(none);
        for (characters, 0..) |literal, number| {
            if (literal.character < table.len) table[literal.character] = @min(table[literal.character], @as(u16, @intCast(number)));
        }
        return table;
    }

    pub fn matches(glob: Glob, value: []const u8) bool {
        return if (glob.wild.len == 1) glob.matchesWord(value) else glob.matchesWords(value);
    }

    /// `matchesWords` for a pattern whose states are one word.
    fn matchesWord(glob: Glob, value: []const u8) bool {
        const wild, const optional, const loops = .{ glob.wild[0], glob.optional[0], glob.loops[0] };
        const end = @as(Word, 1) << @intCast(glob.tokens);
        const at_last_loop = loops & (end >> 1);
        var states: Word = 1;
        states |= optional ^ (optional +% (states & optional));
        var rest: Characters = .{ .bytes = value };
        while (rest.next()) |character| {
            const moving = states & (wild | glob.bitsOf(character));
            states = (moving << 1) | (states & loops);
            states |= optional ^ (optional +% (states & optional));
            if (states == 0) return false;
            if (states & at_last_loop != 0) return true;
        }
        return states & end != 0;
    }

    /// Which tokens are this character, of the first word.
    fn bitsOf(glob: Glob, character: u32) Word {
        const start = glob.startOf(character) orelse return 0;
        return glob.characters[start].bits;
    }

    fn matchesWords(glob: Glob, value: []const u8) bool {
        var storage: [most_tokens / word_bits + 1]Word = @splat(0);
        const states = storage[0..glob.wild.len];
        states[0] = 1;
        _ = glob.skip(states);
        var rest: Characters = .{ .bytes = value };
        while (rest.next()) |character| {
            glob.take(states, character);
            if (!glob.skip(states)) return false;
            if (glob.takesAll(states)) return true;
        }
        return (states[glob.tokens / word_bits] >> @intCast(glob.tokens % word_bits)) & 1 != 0;
    }

    /// The states after a character, but for those that are reached without one.
    fn take(glob: Glob, states: []Word, character: u32) void {
        var entries = glob.entriesOf(character);
        var carry: Word = 0;
        for (states, glob.wild, glob.loops, 0..) |*state, wild, loops, index| {
            var accepted = wild;
            if (entries.len > 0 and entries[0].word == index) {
                accepted |= entries[0].bits;
                entries = entries[1..];
            }
            const moving = state.* & accepted;
            state.* = (moving << 1) | carry | (state.* & loops);
            carry = moving >> (word_bits - 1);
        }
    }

    /// Adds the states that are reached without a character: an addition carries through a run of optional tokens. False when no
    /// state is left.
    fn skip(glob: Glob, states: []Word) bool {
        var carry: u1 = 0;
        var any: Word = 0;
        for (states, glob.optional) |*state, optional| {
            const first = @addWithOverflow(optional, state.* & optional);
            const second = @addWithOverflow(first[0], @as(Word, carry));
            state.* |= optional ^ second[0];
            carry = first[1] | second[1];
            any |= state.*;
        }
        return any != 0;
    }

    /// Whether a `*` at the pattern's end has been reached: whatever follows is its.
    fn takesAll(glob: Glob, states: []const Word) bool {
        if (glob.tokens == 0) return false;
        const last = glob.tokens - 1;
        const word = last / word_bits;
        return states[word] & glob.loops[word] & (@as(Word, 1) << @intCast(last % word_bits)) != 0;
    }

    fn entriesOf(glob: Glob, character: u32) []const Literal {
        const start = glob.startOf(character) orelse return &.{};
        var end = start;
        while (end < glob.characters.len and glob.characters[end].character == character) end += 1;
        return glob.characters[start..end];
    }

    fn startOf(glob: Glob, character: u32) ?usize {
        if (character < glob.ascii.len) {
            const start = glob.ascii[character];
            return if (start == none) null else start;
        }
        const start = std.sort.lowerBound(Literal, glob.characters, character, struct {
            fn order(wanted: u32, literal: Literal) std.math.Order {
                return std.math.order(wanted, literal.character);
            }
        }.order);
        return if (start < glob.characters.len and glob.characters[start].character == character) start else null;
    }
};

/// Code points; a byte that is not UTF-8 counts as one character that equals no other.
const Characters = struct {
    bytes: []const u8,

    fn next(characters: *Characters) ?u32 {
        const bytes = characters.bytes;
        if (bytes.len == 0) return null;
        if (bytes[0] < 0x80) {
            characters.bytes = bytes[1..];
            return bytes[0];
        }
        const length = std.unicode.utf8ByteSequenceLength(bytes[0]) catch 1;
        if (length > 1 and length <= bytes.len) {
            if (std.unicode.utf8Decode(bytes[0..length])) |character| {
                characters.bytes = bytes[length..];
                return character;
            } else |_| {}
        }
        characters.bytes = bytes[1..];
        return 0x110000 + @as(u32, bytes[0]);
    }
};

fn expectMatches(pattern: []const u8, value: []const u8, wanted: bool) !void {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const glob = (try Glob.compile(arena.allocator(), pattern)).?;
    try std.testing.expectEqual(wanted, glob.matches(value));
}

test "wildcards" {
    try expectMatches("", "", true);
    try expectMatches("", "a", false);
    try expectMatches("a?c", "ac", true);
    try expectMatches("a?c", "abc", true);
    try expectMatches("a?c", "abbc", false);
    try expectMatches("+", "", false);
    try expectMatches("*+?", "a", true);
    try expectMatches("*++", "a", false);
    try expectMatches("é?", "éa", true);
    try expectMatches("a\\", "a\\", true);
}

fn repeated(comptime text: []const u8, comptime count: usize) [text.len * count]u8 {
    var result: [text.len * count]u8 = undefined;
    for (&result, 0..) |*byte, index| byte.* = text[index % text.len];
    return result;
}

test "a run of optional tokens crosses words" {
    try expectMatches(&(repeated("?", 200) ++ "b".*), &(repeated("a", 200) ++ "b".*), true);
    try expectMatches(&(repeated("?", 200) ++ "b".*), &(repeated("a", 201) ++ "b".*), false);
    try expectMatches(&(repeated("a", 63) ++ "??b".*), &(repeated("a", 63) ++ "b".*), true);
    try expectMatches(&repeated("x*", 100), &repeated("x", 100), true);
    try expectMatches(&repeated("x*", 100), &repeated("x", 99), false);
}

test "a pattern that is too long" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const allocator = arena.allocator();
    try std.testing.expect(try Glob.compile(allocator, &repeated("a", most_tokens)) != null);
    try std.testing.expect(try Glob.compile(allocator, &(repeated("?", 2000) ++ repeated("*", 20_000))) != null);
    inline for (.{ "+a", "a+", "?+", "+?", "+*", "*+", "++", "?a", "\\+" }) |piece| {
        try std.testing.expect(try Glob.compile(allocator, &repeated(piece, 1024 / piece.len)) != null);
    }
    try std.testing.expect(try Glob.compile(allocator, &repeated("a", most_tokens + 1)) == null);
    try std.testing.expect(try Glob.compile(allocator, &repeated("?", 20_000)) == null);
}
