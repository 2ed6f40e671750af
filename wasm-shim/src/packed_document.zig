//! A document of version 1 in its packed form: compressed with zlib, as base64.

const std = @import("std");
const json = @import("json_reader.zig");
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

test "a packed text is what it was" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const allocator = arena.allocator();
    // zlib.compress(b"hello hello hello\n")
    const data = "eJzLSM3JyVfIQJBcAEC1Boc=";
    const text = "{\"version\": 2, \"size\": SIZE, \"deflate\": \"" ++ data ++ "\"}";
    const whole = try std.mem.replaceOwned(u8, allocator, text, "SIZE", "18");
    try std.testing.expectEqualStrings("hello hello hello\n", try unpack(allocator, whole));
    for ([_][]const u8{ "17", "19", "0", "67108865" }) |size| {
        const wrong = try std.mem.replaceOwned(u8, allocator, text, "SIZE", size);
        try std.testing.expectError(error.Refused, unpack(allocator, wrong));
    }
    const cut = try std.mem.replaceOwned(u8, allocator, whole, "Boc=", "");
    try std.testing.expectError(error.Refused, unpack(allocator, cut));
}
