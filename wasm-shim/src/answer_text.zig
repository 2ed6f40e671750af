//! Texts of answers that are made of the request: what of them is written, and what is inserted. Nothing that a client sends is more in
//! them than characters of a text.

const std = @import("std");
const descriptors = @import("descriptor.zig");
const expression = @import("host_expression.zig");
const memory = @import("memory.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const Own = @import("own_expression.zig").Own;

/// So many characters of an inserted value are sent, and of a line that has one.
pub const longest_inserted = 256;

pub const Piece = union(enum) {
    written: []const u8,
    attribute: u32,
    own: *Own,
};

/// What the text is to its reader: a header or a message, a body, or one that is JSON.
pub const Form = enum { line, text, json };

/// The text, in scratch memory. An attribute that the request does not have is as an expression that fails.
pub fn made(pieces: []const Piece, form: Form, attributes: *Attributes) expression.EvaluationError![]const u8 {
    var result: std.ArrayList(u8) = .empty;
    for (pieces) |piece| switch (piece) {
        .written => |text| try result.appendSlice(memory.scratch, text),
        .attribute => |number| try insert(&result, form, try descriptors.asText(memory.scratch, try attributes.get(number) orelse return error.Failed)),
        .own => |own| try insert(&result, form, try own.asText(attributes)),
    };
    return if (form == .line) onOneLine(result.items) else result.items;
}

fn insert(result: *std.ArrayList(u8), form: Form, value: []const u8) error{OutOfMemory}!void {
    for (cut(value)) |byte| switch (form) {
        .line => try result.append(memory.scratch, byte),
        .text => try result.append(memory.scratch, if (std.ascii.isControl(byte)) '?' else byte),
        .json => switch (byte) {
            '"', '\\' => try result.appendSlice(memory.scratch, &.{ '\\', byte }),
            else => if (std.ascii.isControl(byte)) try result.print(memory.scratch, "\\u{x:0>4}", .{byte}) else try result.append(memory.scratch, byte),
        },
    };
}

/// Printable ASCII: a `?` for each other character. In place, as it only becomes shorter.
fn onOneLine(text: []u8) []const u8 {
    var length: usize = 0;
    for (cut(text)) |byte| {
        if (std.ascii.isPrint(byte)) text[length] = byte else if (isInner(byte)) continue else text[length] = '?';
        length += 1;
    }
    return std.mem.trim(u8, text[0..length], " ");
}

/// The characters that are sent.
fn cut(text: []const u8) []const u8 {
    if (text.len <= longest_inserted) return text;
    var characters: usize = 0;
    for (text, 0..) |byte, index| if (!isInner(byte)) {
        if (characters == longest_inserted) return text[0..index];
        characters += 1;
    };
    return text;
}

/// Whether it is a byte of a character that has begun before.
fn isInner(byte: u8) bool {
    return byte & 0xc0 == 0x80;
}
