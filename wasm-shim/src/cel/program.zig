//! A compiled expression: nodes that name only nodes before them, the last of which is the whole. docs/expressions.md has the bytes.

const std = @import("std");
const Function = @import("function.zig").Function;
const function = @import("function.zig");
const pattern = @import("pattern.zig");
const value = @import("value.zig");
const Reader = @import("reader.zig").Reader;
const Allocator = std.mem.Allocator;
const Value = value.Value;

pub const version = 1;

/// The variables of repetitions, one within the other.
pub const most_locals = 32;
/// How deep a program may be nested.
pub const deepest = 200;
const most_nodes = 1 << 14;

pub const Attribute = struct {
    kind: enum(u8) { known = 0, header = 1 },
    /// Of a known one.
    number: u32 = 0,
    /// Of a header, in lower case.
    name: []const u8 = "",
    /// For who reads it.
    slot: u32 = 0,
};

pub const Reference = u32;
pub const Named = struct { of: Reference, name: []const u8 };
pub const Item = struct { node: Reference, optional: bool };
pub const Pair = struct { key: Reference, value: Reference, optional: bool };
/// A node and a text: `equal`, `not_equal`, `starts_with`, `ends_with` or `contains`.
pub const Comparison = struct { of: Reference, function: Function, text: []const u8 };
pub const Loop = struct { slot: u8, range: Reference, where: Reference, body: Reference };

pub const Node = union(enum) {
    constant: Value,
    attribute: u32,
    attribute_present: u32,
    attribute_optional: u32,
    local: u8,
    select: Named,
    present: Named,
    select_optional: Named,
    both: [2]Reference,
    either: [2]Reference,
    choice: [3]Reference,
    list: []const Item,
    map: []const Pair,
    all: Loop,
    exists: Loop,
    exists_one: Loop,
    mapped: Loop,
    mapped_where: Loop,
    let: Loop,
    /// A value that is needed more than once, and the place where it is kept.
    keep: struct { of: Reference, place: u32 },
    call: struct { function: Function, arguments: []const Reference },
    /// A call of which one argument is a text that stands in the program.
    comparison: Comparison,
    matches: struct { of: Reference, pattern: *const pattern.Pattern },
    or_optional: [2]Reference,
    or_value: [2]Reference,
};

pub const Error = error{ OutOfMemory, Malformed, Newer };

pub const Program = struct {
    attributes: []Attribute,
    nodes: []const Node,
    kept: u32,
    /// The places of its variables.
    locals: u32,

    /// What `bytes`, which have to live as long, say.
    pub fn read(allocator: Allocator, bytes: []const u8) Error!Program {
        var decoder: Decoder = .{ .allocator = allocator, .reader = .{ .bytes = bytes } };
        return decoder.program();
    }
};

const Shape = struct { depth: u16, free: u32 };

const Decoder = struct {
    allocator: Allocator,
    reader: Reader,
    nodes: std.ArrayList(Node) = .empty,
    /// Of each node: how deep it is, and the variables that it has and does not bind.
    shapes: std.ArrayList(Shape) = .empty,
    kept: u32 = 0,
    locals: u32 = 0,
    depth: u16 = 0,
    free: u32 = 0,

    fn program(decoder: *Decoder) Error!Program {
        const reader = &decoder.reader;
        const found = try reader.integer(u32);
        if (found > version) return error.Newer;
        if (found != version) return error.Malformed;
        const attributes = try decoder.allocator.alloc(Attribute, try reader.count());
        for (attributes) |*attribute| attribute.* = try decoder.readAttribute();
        while (!reader.atEnd()) {
            if (decoder.nodes.items.len == most_nodes) return error.Malformed;
            decoder.depth = 0;
            decoder.free = 0;
            const node = try decoder.readNode(attributes.len);
            if (decoder.depth >= deepest) return error.Malformed;
            try decoder.nodes.append(decoder.allocator, node);
            try decoder.shapes.append(decoder.allocator, .{ .depth = decoder.depth + 1, .free = decoder.free });
        }
        if (decoder.nodes.items.len == 0 or decoder.free != 0) return error.Malformed;
        return .{ .attributes = attributes, .nodes = decoder.nodes.items, .kept = decoder.kept, .locals = decoder.locals };
    }

    fn readAttribute(decoder: *Decoder) Error!Attribute {
        const reader = &decoder.reader;
        return switch (try reader.byte()) {
            0 => .{ .kind = .known, .number = try reader.integer(u32) },
            1 => .{ .kind = .header, .name = try reader.string() },
            else => error.Malformed,
        };
    }

    fn readNode(decoder: *Decoder, attributes: usize) Error!Node {
        const reader = &decoder.reader;
        switch (try reader.byte()) {
            0 => return .{ .constant = .null_type },
            1 => return .{ .constant = .{ .bool = false } },
            2 => return .{ .constant = .{ .bool = true } },
            3 => return .{ .constant = .{ .int = try reader.signed() } },
            4 => return .{ .constant = .{ .uint = try reader.integer(u64) } },
            5 => return .{ .constant = .{ .double = @bitCast(std.mem.readInt(u64, (try reader.take(8))[0..8], .little)) } },
            6 => return .{ .constant = .{ .string = try reader.string() } },
            7 => return .{ .constant = .{ .bytes = try reader.text() } },
            8 => return .{ .constant = .{ .duration = try reader.moment() } },
            9 => return .{ .constant = .{ .timestamp = try reader.moment() } },
            10 => return .{ .constant = .{ .type = std.enums.fromInt(value.Kind, try reader.byte()) orelse return error.Malformed } },
            16 => return .{ .attribute = try decoder.attributeNumber(attributes) },
            17 => return .{ .attribute_present = try decoder.attributeNumber(attributes) },
            18 => return .{ .attribute_optional = try decoder.attributeNumber(attributes) },
            19 => {
                const number = try decoder.slot();
                decoder.free |= @as(u32, 1) << @intCast(number);
                return .{ .local = number };
            },
            20 => return .{ .select = try decoder.named() },
            21 => return .{ .present = try decoder.named() },
            22 => return .{ .select_optional = try decoder.named() },
            23 => return .{ .both = .{ try decoder.reference(), try decoder.reference() } },
            24 => return .{ .either = .{ try decoder.reference(), try decoder.reference() } },
            25 => return .{ .choice = .{ try decoder.reference(), try decoder.reference(), try decoder.reference() } },
            26 => return decoder.list(),
            27 => return decoder.map(),
            28 => return .{ .all = try decoder.loop(false) },
            29 => return .{ .exists = try decoder.loop(false) },
            30 => return .{ .exists_one = try decoder.loop(false) },
            31 => return .{ .mapped = try decoder.loop(false) },
            32 => return .{ .mapped_where = try decoder.loop(true) },
            33 => return .{ .let = try decoder.loop(false) },
            34 => return decoder.keep(),
            35 => return decoder.call(),
            36 => return .{ .matches = .{ .of = try decoder.reference(), .pattern = try decoder.readPattern() } },
            37 => return .{ .or_optional = .{ try decoder.reference(), try decoder.reference() } },
            38 => return .{ .or_value = .{ try decoder.reference(), try decoder.reference() } },
            else => return error.Malformed,
        }
    }

    fn attributeNumber(decoder: *Decoder, count: usize) Error!u32 {
        const number = try decoder.reader.integer(u32);
        return if (number < count) number else error.Malformed;
    }

    fn slot(decoder: *Decoder) Error!u8 {
        const number = try decoder.reader.byte();
        if (number >= most_locals) return error.Malformed;
        decoder.locals = @max(decoder.locals, number + 1);
        return number;
    }

    /// A node by how far it is before this one.
    fn before(decoder: *Decoder, distance: u32) Error!Reference {
        if (distance == 0 or distance > decoder.nodes.items.len) return error.Malformed;
        const number = decoder.nodes.items.len - distance;
        const shape = decoder.shapes.items[number];
        decoder.depth = @max(decoder.depth, shape.depth);
        decoder.free |= shape.free;
        return @intCast(number);
    }

    fn reference(decoder: *Decoder) Error!Reference {
        return decoder.before(try decoder.reader.integer(u32));
    }

    fn named(decoder: *Decoder) Error!Named {
        return .{ .of = try decoder.reference(), .name = try decoder.reader.string() };
    }

    fn loop(decoder: *Decoder, where: bool) Error!Loop {
        const number = try decoder.slot();
        const range = try decoder.reference();
        const outside = decoder.free;
        decoder.free = 0;
        const condition = if (where) try decoder.reference() else 0;
        const body = try decoder.reference();
        decoder.free = outside | decoder.free & ~(@as(u32, 1) << @intCast(number));
        return .{ .slot = number, .range = range, .where = condition, .body = body };
    }

    fn list(decoder: *Decoder) Error!Node {
        const items = try decoder.allocator.alloc(Item, try decoder.reader.count());
        var constant = true;
        for (items) |*item| {
            const number = try decoder.reader.integer(u32);
            item.* = .{ .node = try decoder.before(number >> 1), .optional = number & 1 != 0 };
            constant = constant and !item.optional and decoder.nodes.items[item.node] == .constant;
        }
        if (!constant) return .{ .list = items };
        const values = try decoder.allocator.alloc(Value, items.len);
        for (items, values) |item, *one| one.* = decoder.nodes.items[item.node].constant;
        return .{ .constant = .{ .list = values } };
    }

    fn map(decoder: *Decoder) Error!Node {
        const pairs = try decoder.allocator.alloc(Pair, try decoder.reader.count());
        for (pairs) |*pair| {
            const number = try decoder.reader.integer(u32);
            const key = try decoder.before(number >> 1);
            pair.* = .{ .key = key, .value = try decoder.reference(), .optional = number & 1 != 0 };
        }
        return .{ .map = pairs };
    }

    fn keep(decoder: *Decoder) Error!Node {
        const of = try decoder.reference();
        // What a variable is part of is not the same each time.
        if (decoder.free != 0) return error.Malformed;
        defer decoder.kept += 1;
        return .{ .keep = .{ .of = of, .place = decoder.kept } };
    }

    fn call(decoder: *Decoder) Error!Node {
        const called = std.enums.fromInt(Function, try decoder.reader.byte()) orelse return error.Malformed;
        const count = try decoder.reader.count();
        const fewest, const most = called.arity();
        if (count < fewest or count > most) return error.Malformed;
        const arguments = try decoder.allocator.alloc(Reference, count);
        for (arguments) |*argument| argument.* = try decoder.reference();
        if (decoder.comparison(called, arguments)) |found| return .{ .comparison = found };
        return .{ .call = .{ .function = called, .arguments = arguments } };
    }

    fn comparison(decoder: *Decoder, called: Function, arguments: []const Reference) ?Comparison {
        const symmetrical = switch (called) {
            .equal, .not_equal => true,
            .starts_with, .ends_with, .contains => false,
            else => return null,
        };
        if (decoder.textAt(arguments[1])) |found| return .{ .of = arguments[0], .function = called, .text = found };
        if (!symmetrical) return null;
        return .{ .of = arguments[1], .function = called, .text = decoder.textAt(arguments[0]) orelse return null };
    }

    fn textAt(decoder: *Decoder, reference_: Reference) ?[]const u8 {
        const node = decoder.nodes.items[reference_];
        return if (node == .constant and node.constant == .string) node.constant.string else null;
    }

    fn readPattern(decoder: *Decoder) Error!*const pattern.Pattern {
        const reader = &decoder.reader;
        const anchored = try reader.byte() != 0;
        const instructions = try decoder.allocator.alloc(pattern.Instruction, try reader.count());
        if (instructions.len == 0 or instructions.len > std.math.maxInt(u16)) return error.Malformed;
        for (instructions, 0..) |*instruction, at| instruction.* = try decoder.readInstruction(instructions.len, at);
        const result = try decoder.allocator.create(pattern.Pattern);
        result.* = .{ .instructions = instructions, .anchored = anchored };
        return result;
    }

    fn readInstruction(decoder: *Decoder, count: usize, at: usize) Error!pattern.Instruction {
        const reader = &decoder.reader;
        const kind = try reader.byte();
        // The last one has nothing behind it to go on with.
        if (kind > 2 and at + 1 == count) return error.Malformed;
        switch (kind) {
            0 => return .match,
            1 => return .{ .split = .{ try decoder.place(count), try decoder.place(count) } },
            2 => return .{ .jump = try decoder.place(count) },
            3 => return .{ .assertion = std.enums.fromInt(pattern.Assertion, try reader.byte()) orelse return error.Malformed },
            4 => {
                const ranges = try decoder.allocator.alloc(pattern.Range, try reader.count());
                for (ranges) |*range| range.* = .{ .first = try reader.integer(u21), .last = try reader.integer(u21) };
                return .{ .characters = ranges };
            },
            else => return error.Malformed,
        }
    }

    fn place(decoder: *Decoder, count: usize) Error!u16 {
        const number = try decoder.reader.integer(u16);
        return if (number < count) number else error.Malformed;
    }
};
