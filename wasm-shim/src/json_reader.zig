//! JSON text to plain values, checked for shape but not for sense.
//!
//! Every refusal is one log line that names the field by its path.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const TextTable = @import("text_table.zig").TextTable;
const Allocator = std.mem.Allocator;

/// A JSON object whose names are chosen by its author, in the order of the text.
pub fn Map(comptime Value: type) type {
    return struct {
        pub const Item = struct { name: []const u8, value: Value };
        pub const is_map = true;
        items: []const Item,
    };
}

/// Where in the document something is, for messages: `hosts[0].rules[2].path`.
pub const Path = struct {
    parent: ?*const Path = null,
    part: union(enum) { root, field: []const u8, name: []const u8, index: usize } = .root,

    pub fn field(parent: *const Path, name: []const u8) Path {
        return .{ .parent = parent, .part = .{ .field = name } };
    }

    pub fn item(parent: *const Path, index: usize) Path {
        return .{ .parent = parent, .part = .{ .index = index } };
    }

    pub fn format(self: Path, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        if (self.parent) |parent| try parent.format(writer);
        const first = if (self.parent) |parent| parent.part == .root else true;
        switch (self.part) {
            .root => {},
            .index => |index| try writer.print("[{d}]", .{index}),
            .field, .name => |name| {
                if (!first) try writer.writeByte('.');
                for (name[0..@min(name.len, 100)]) |byte| try writer.writeByte(if (byte < ' ' or byte == 0x7f) '?' else byte);
            },
        }
    }
};

pub const Error = error{ Refused, OutOfMemory };

/// Says in one line what is wrong and where.
pub fn refuse(path: *const Path, comptime format: []const u8, arguments: anytype) error{Refused} {
    if (path.part == .root) {
        host.log(.err, "configuration refused: " ++ format, arguments);
    } else {
        host.log(.err, "configuration refused: {f}: " ++ format, .{path.*} ++ arguments);
    }
    return error.Refused;
}

/// The value in `text`, and nothing behind it. Its strings belong to `allocator`.
///
/// A member that a struct has no field for is refused, unless the struct says that it `ignores_unknown_fields`.
pub fn parse(comptime T: type, allocator: Allocator, text: []const u8) Error!T {
    const root: Path = .{};
    var parser: Parser = .init(allocator, text);
    parser.scanner.enableDiagnostics(&parser.position);
    const result = try parser.value(T, &root);
    switch (try parser.next(&root)) {
        .end_of_document => return result,
        else => return refuse(&root, "there is more text after the document", .{}),
    }
}

/// The number that the object in `text` has under `name`, looked for before anything else is judged; `null` if it cannot be found.
pub fn peekNumber(comptime name: []const u8, allocator: Allocator, text: []const u8) Error!?u32 {
    const root: Path = .{};
    var parser: Parser = .init(allocator, text);
    parser.scanner.enableDiagnostics(&parser.position);
    if (try parser.next(&root) != .object_begin) return null;
    while (true) {
        const found = switch (try parser.next(&root)) {
            .string, .allocated_string => |found| found,
            else => return null,
        };
        if (std.mem.eql(u8, found, name)) {
            const path = root.field(name);
            return try parser.value(u32, &path);
        }
        parser.scanner.skipValue() catch |reason| return parser.syntax(&root, reason);
    }
}

const Parser = struct {
    allocator: Allocator,
    scanner: std.json.Scanner,
    position: std.json.Scanner.Diagnostics = .{},

    fn init(allocator: Allocator, text: []const u8) Parser {
        return .{ .allocator = allocator, .scanner = .initCompleteInput(allocator, text) };
    }

    fn syntax(parser: *Parser, path: *const Path, reason: anyerror) Error {
        if (reason == error.OutOfMemory) return error.OutOfMemory;
        return refuse(path, "not JSON at line {d}, column {d}", .{ parser.position.getLine(), parser.position.getColumn() });
    }

    fn next(parser: *Parser, path: *const Path) Error!std.json.Scanner.Token {
        return parser.scanner.nextAllocMax(parser.allocator, .alloc_always, std.math.maxInt(u31)) catch |reason| parser.syntax(path, reason);
    }

    fn expect(parser: *Parser, comptime wanted: std.json.Scanner.TokenType, path: *const Path) Error!std.json.Scanner.Token {
        const found = parser.scanner.peekNextTokenType() catch |reason| return parser.syntax(path, reason);
        if (found != wanted) return refuse(path, "must be {s}, is {s}", .{ describe(wanted), describe(found) });
        return parser.next(path);
    }

    fn describe(kind: std.json.Scanner.TokenType) []const u8 {
        return switch (kind) {
            .object_begin => "an object",
            .array_begin => "a list",
            .true, .false => "a boolean",
            .null => "null",
            .number => "a number",
            .string => "a string",
            .object_end, .array_end, .end_of_document => "missing",
        };
    }

    fn string(parser: *Parser, path: *const Path) Error![]const u8 {
        return (try parser.expect(.string, path)).allocated_string;
    }

    fn value(parser: *Parser, comptime T: type, path: *const Path) Error!T {
        if (T == []const u8) return parser.string(path);
        switch (@typeInfo(T)) {
            .optional => |info| return try parser.value(info.child, path),
            .bool => {
                const kind = parser.scanner.peekNextTokenType() catch |reason| return parser.syntax(path, reason);
                if (kind != .true and kind != .false) return refuse(path, "must be a boolean, is {s}", .{describe(kind)});
                return try parser.next(path) == .true;
            },
            .int => {
                const number = (try parser.expect(.number, path)).allocated_number;
                return std.fmt.parseInt(T, number, 10) catch refuse(path, "must be a whole number from 0 to {d}", .{std.math.maxInt(T)});
            },
            .@"enum" => |info| {
                const text = try parser.string(path);
                return std.meta.stringToEnum(T, text) orelse refuse(path, "{f} is none of " ++ comptime list(info.field_names), .{host.quoted(text)});
            },
            .pointer => |info| {
                _ = try parser.expect(.array_begin, path);
                var items: std.ArrayList(info.child) = .empty;
                while (true) {
                    const kind = parser.scanner.peekNextTokenType() catch |reason| return parser.syntax(path, reason);
                    if (kind == .array_end) break;
                    const place = path.item(items.items.len);
                    const one = try parser.value(info.child, &place);
                    try items.append(parser.allocator, one);
                }
                _ = try parser.next(path);
                return items.items;
            },
            .@"struct" => return if (@hasDecl(T, "is_map")) parser.map(T, path) else parser.object(T, path),
            else => comptime unreachable,
        }
    }

    fn list(comptime names: []const []const u8) []const u8 {
        comptime {
            var text: []const u8 = names[0];
            for (names[1..]) |name| text = text ++ ", " ++ name;
            return text;
        }
    }

    /// The name of the object's next member, or `null` at its end.
    fn member(parser: *Parser, path: *const Path) Error!?[]const u8 {
        return switch (try parser.next(path)) {
            .allocated_string => |name| name,
            else => null,
        };
    }

    fn map(parser: *Parser, comptime T: type, path: *const Path) Error!T {
        _ = try parser.expect(.object_begin, path);
        var items: std.ArrayList(T.Item) = .empty;
        var names: TextTable(void) = .empty;
        while (try parser.member(path)) |name| {
            const place: Path = .{ .parent = path, .part = .{ .name = name } };
            if ((try names.getOrPut(parser.allocator, name)).found_existing) return refuse(&place, "is given twice", .{});
            const one = try parser.value(@FieldType(T.Item, "value"), &place);
            try items.append(parser.allocator, .{ .name = name, .value = one });
        }
        return .{ .items = items.items };
    }

    fn object(parser: *Parser, comptime T: type, path: *const Path) Error!T {
        _ = try parser.expect(.object_begin, path);
        const info = @typeInfo(T).@"struct";
        var result: T = undefined;
        var given: [info.field_names.len]bool = @splat(false);
        while (try parser.member(path)) |name| {
            const place = path.field(name);
            inline for (info.field_names, info.field_types, &given) |field_name, field_type, *seen| {
                if (std.mem.eql(u8, field_name, name)) {
                    if (seen.*) return refuse(&place, "is given twice", .{});
                    seen.* = true;
                    @field(result, field_name) = try parser.value(field_type, &place);
                    break;
                }
            } else {
                if (!@hasDecl(T, "ignores_unknown_fields")) return refuse(&place, "unknown field", .{});
                parser.scanner.skipValue() catch |reason| return parser.syntax(&place, reason);
            }
        }
        inline for (info.field_names, info.field_types, info.field_attrs, given) |field_name, field_type, attributes, seen| {
            if (!seen) {
                if (attributes.defaultValue(field_type)) |default| {
                    @field(result, field_name) = default;
                } else {
                    const place = path.field(field_name);
                    return refuse(&place, "is missing", .{});
                }
            }
        }
        return result;
    }
};

fn expectRefused(comptime T: type, text: []const u8) !void {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    try std.testing.expectError(error.Refused, parse(T, arena.allocator(), text));
}

test "values by their shape" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const Shape = struct { name: []const u8, count: u32 = 7, list: []const u32 = &.{}, map: Map(u32) = .{ .items = &.{} }, kind: enum { a, b } = .a, on: bool = false };
    const found = try parse(Shape, arena.allocator(), "{\"list\": [1, 2], \"name\": \"\\u00e9\", \"map\": {\"x\": 1, \"y\": 2}, \"kind\": \"b\", \"on\": true}");
    try std.testing.expectEqualStrings("é", found.name);
    try std.testing.expectEqual(7, found.count);
    try std.testing.expectEqualSlices(u32, &.{ 1, 2 }, found.list);
    try std.testing.expectEqual(2, found.map.items.len);
    try std.testing.expectEqual(.b, found.kind);
    try std.testing.expect(found.on);
    try expectRefused(Shape, "{}");
    try expectRefused(Shape, "{\"name\": \"a\", \"name\": \"b\"}");
    try expectRefused(Shape, "{\"name\": \"a\", \"other\": 1}");
    try expectRefused(Shape, "{\"name\": \"a\", \"map\": {\"x\": 1, \"x\": 2}}");
    try expectRefused(Shape, "{\"name\": \"a\", \"count\": -1}");
    try expectRefused(Shape, "{\"name\": \"a\", \"count\": 1.5}");
    try expectRefused(Shape, "{\"name\": \"a\", \"kind\": \"c\"}");
    try expectRefused(Shape, "{\"name\": \"a\"} x");
    try expectRefused(Shape, "{\"name\": \"a\"");
    try expectRefused(Shape, "{\"name\": \"a\", \"on\": 1}");
    try expectRefused(Shape, "[]");
}
