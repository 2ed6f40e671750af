//! Tells who asks for it, with a signature by a key of which this module has the public half, what was decided for his request.
//!
//! Where a configuration has such a key, nobody else's request or response passes with the names of these headers. A signature holds
//! for one host and path, and for a short time; it says nothing but that its maker may know what is decided.

const std = @import("std");
const clock = @import("clock.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const protobuf = @import("protobuf.zig");
const request_headers = @import("request_headers.zig");

const asked_header = "x-kuadrant-explain";
const told_header = "x-kuadrant-decision";
/// A signature that holds for longer is none.
const longest_seconds = 90;
const longest_signature = 80;
/// A worker looks at so many a second: each takes about 0.1 ms, and strangers can send some.
const most_each_second = 20;

/// Whether any configuration of this VM has a key: responses are looked at then.
var on = false;
/// What is to be told, by stream.
var records: std.array_hash_map.Auto(u32, []const u8) = .empty;
const most_records = 64;

var left: u32 = most_each_second;
var second: u64 = 0;

/// A key in DER, from its text in a configuration; `null` when it is none.
pub fn readKey(allocator: std.mem.Allocator, text: []const u8) error{OutOfMemory}!?[]const u8 {
    const decoder = std.base64.standard.Decoder;
    const size = decoder.calcSizeForSlice(text) catch return null;
    const bytes = try allocator.alloc(u8, size);
    decoder.decode(bytes, text) catch return null;
    on = true;
    return bytes;
}

/// Whether the present request may know what is decided for it. Its own header goes no further, whoever sent it.
pub fn asks(key: []const u8) error{OutOfMemory}!bool {
    if (key.len == 0) return false;
    const value = try request_headers.joined(request_headers.prefix ++ asked_header) orelse return false;
    host.removeRequestHeader(asked_header);
    return isSigned(value, key) catch |reason| if (reason == error.OutOfMemory) error.OutOfMemory else false;
}

fn isSigned(value: []const u8, key: []const u8) error{ OutOfMemory, NotFound, BadArgument, Failed }!bool {
    const dot = std.mem.findScalar(u8, value, '.') orelse return false;
    const until = std.fmt.parseInt(u64, value[0..dot], 10) catch return false;
    const now = host.nanoseconds() / std.time.ns_per_s;
    if (until <= now or until > now + longest_seconds) return false;
    const decoder = std.base64.url_safe_no_pad.Decoder;
    var signature: [longest_signature]u8 = undefined;
    const size = decoder.calcSizeForSlice(value[dot + 1 ..]) catch return false;
    if (size == 0 or size > longest_signature) return false;
    decoder.decode(signature[0..size], value[dot + 1 ..]) catch return false;
    if (!mayLook()) return false;
    const path = try request_headers.first(.path) orelse "";
    var text: std.ArrayList(u8) = .empty;
    for ([_][]const u8{ "kuadrant-explain/1\n", try request_headers.first(.authority) orelse "", "\n", path, "\n", value[0..dot] }) |part| {
        try text.appendSlice(memory.scratch, part);
    }
    var message: protobuf.Writer = .{ .allocator = memory.scratch };
    try message.string(1, "sha256");
    try message.string(2, key);
    try message.string(3, signature[0..size]);
    try message.string(4, text.items);
    const answer = try host.callForeignFunction("verify_signature", message.bytes.items);
    var fields: protobuf.Reader = .{ .bytes = answer };
    while (fields.next() catch null) |field| if (field.number == 1 and field.value == .integer) return field.value.integer == 1;
    return false;
}

fn mayLook() bool {
    const now = clock.nanoseconds() / std.time.ns_per_s;
    if (now != second) {
        second = now;
        left = most_each_second;
    }
    if (left == 0) return false;
    left -= 1;
    return true;
}

/// The decision of a stream, for its response. Without room or memory for it, it is not told.
pub fn keep(stream: u32, record: []const u8) void {
    if (records.count() >= most_records) return;
    const encoder = std.base64.standard.Encoder;
    const text = memory.lasting.alloc(u8, encoder.calcSize(record.len)) catch return;
    _ = encoder.encode(text, record);
    const entry = records.getOrPut(memory.lasting, stream) catch return memory.lasting.free(text);
    if (entry.found_existing) memory.lasting.free(entry.value_ptr.*);
    entry.value_ptr.* = text;
}

/// The response's headers have come: what an upstream calls a decision is none.
pub fn finish(stream: u32) void {
    if (!on) return;
    host.removeResponseHeader(told_header);
    if (records.get(stream)) |text| host.addResponseHeader(told_header, text);
}

pub fn forget(stream: u32) void {
    if (records.count() == 0) return;
    const entry = records.fetchSwapRemove(stream) orelse return;
    memory.lasting.free(entry.value);
}
