//! A document of version 1 in its packed form: compressed with zlib, as base64.

const std = @import("std");
const json = @import("json.zig");
const Allocator = std.mem.Allocator;
const flate = std.compress.flate;
const decoder = std.base64.standard.Decoder;

pub const version = 2;

/// Larger ones are no configuration that anybody has meant.
const largest = 64 * 1024 * 1024;

const Packed = struct {
    version: u32,
    size: u32,
    deflate: []const u8,
};

/// What is packed in `text`; it belongs to `allocator`.
pub fn unpack(allocator: Allocator, text: []const u8) json.Error![]const u8 {
    const found = try json.parse(Packed, allocator, text);
    const root: json.Path = .{};
    const size_path = root.field("size");
    if (found.size > largest) return json.refuse(&size_path, "must not be more than {d}", .{largest});
    const path = root.field("deflate");
    const length = decoder.calcSizeForSlice(found.deflate) catch return notBase64(&path);
    const compressed = try allocator.alloc(u8, length);
    decoder.decode(compressed, found.deflate) catch return notBase64(&path);
    var input: std.Io.Reader = .fixed(compressed);
    var inflating: flate.Decompress = .init(&input, .zlib, try allocator.alloc(u8, flate.max_window_len));
    const result = try allocator.alloc(u8, found.size);
    inflating.reader.readSliceAll(result) catch return json.refuse(&path, "does not inflate to {d} bytes", .{found.size});
    if (inflating.reader.takeByte()) |_| {
        return json.refuse(&path, "inflates to more than {d} bytes", .{found.size});
    } else |_| {}
    return result;
}

fn notBase64(path: *const json.Path) error{Refused} {
    return json.refuse(path, "is no base64", .{});
}
