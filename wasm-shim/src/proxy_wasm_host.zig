//! The host's side of proxy-wasm 0.2.1, as far as this module uses it. Results live until the callback returns.

const std = @import("std");
const builtin = @import("builtin");
const memory = @import("memory.zig");

pub const Status = enum(u32) { ok = 0, not_found = 1, bad_argument = 2, _ };

const imports = struct {
    extern "env" fn proxy_log(level: u32, message: [*]const u8, length: usize) Status;
    extern "env" fn proxy_get_log_level(level: *u32) Status;
    extern "env" fn proxy_get_current_time_nanoseconds(time: *u64) Status;
    extern "env" fn proxy_get_buffer_bytes(buffer: u32, start: usize, length: usize, result: *?[*]u8, result_length: *usize) Status;
    extern "env" fn proxy_get_header_map_value(map: u32, name: [*]const u8, name_length: usize, result: *?[*]u8, result_length: *usize) Status;
    extern "env" fn proxy_get_header_map_pairs(map: u32, result: *?[*]u8, result_length: *usize) Status;
    extern "env" fn proxy_add_header_map_value(map: u32, name: [*]const u8, name_length: usize, value: [*]const u8, value_length: usize) Status;
    extern "env" fn proxy_remove_header_map_value(map: u32, name: [*]const u8, name_length: usize) Status;
    extern "env" fn proxy_get_property(path: [*]const u8, path_length: usize, result: *?[*]u8, result_length: *usize) Status;
    extern "env" fn proxy_set_property(path: [*]const u8, path_length: usize, value: [*]const u8, value_length: usize) Status;
    extern "env" fn proxy_call_foreign_function(name: [*]const u8, name_length: usize, argument: [*]const u8, argument_length: usize, result: *?[*]u8, result_length: *usize) Status;
    extern "env" fn proxy_send_local_response(code: u32, details: [*]const u8, details_length: usize, body: [*]const u8, body_length: usize, headers: [*]const u8, headers_length: usize, grpc_status: i32) Status;
    extern "env" fn proxy_continue_stream(stream: u32) Status;
    extern "env" fn proxy_set_effective_context(context: u32) Status;
    extern "env" fn proxy_grpc_call(service: [*]const u8, service_length: usize, name: [*]const u8, name_length: usize, method: [*]const u8, method_length: usize, metadata: [*]const u8, metadata_length: usize, message: [*]const u8, message_length: usize, timeout_ms: u32, token: *u32) Status;
    extern "env" fn proxy_get_status(code: *u32, message: *?[*]u8, message_length: *usize) Status;
    extern "env" fn proxy_set_tick_period_milliseconds(period: u32) Status;
    extern "env" fn proxy_get_header_map_size(map: u32, size: *usize) Status;
    extern "env" fn proxy_grpc_cancel(token: u32) Status;
    extern "env" fn proxy_define_metric(kind: u32, name: [*]const u8, name_length: usize, metric: *u32) Status;
    extern "env" fn proxy_increment_metric(metric: u32, offset: i64) Status;
};

// ------------------------------------------------------------------ log

pub const Level = enum(u32) { trace, debug, info, warn, err, critical };

var lowest_level: u32 = @backingInt(Level.info);

/// Asks the host which levels it prints. An administrator may change it at any time.
pub fn refreshLogLevel() void {
    _ = imports.proxy_get_log_level(&lowest_level);
}

/// One line, cut at 2 KiB.
pub fn log(comptime level: Level, comptime format: []const u8, arguments: anytype) void {
    // Tests of parts that need no host have none.
    if (builtin.is_test or @backingInt(level) < lowest_level) return;
    var buffer: [2048]u8 = undefined;
    var writer: std.Io.Writer = .fixed(&buffer);
    writer.print(format, arguments) catch {};
    const line = writer.buffered();
    _ = imports.proxy_log(@backingInt(level), line.ptr, line.len);
}

/// Text of a stranger inside a log line: at most 200 bytes, and no control characters.
pub fn quoted(text: []const u8) Quoted {
    return .{ .text = text };
}

const Quoted = struct {
    text: []const u8,

    pub fn format(self: Quoted, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        const shown = self.text[0..@min(self.text.len, 200)];
        try writer.writeByte('"');
        for (shown) |byte| try writer.writeByte(if (byte < ' ' or byte == 0x7f) '?' else byte);
        if (shown.len < self.text.len) try writer.writeAll("...");
        try writer.writeByte('"');
    }
};

pub fn nanoseconds() u64 {
    var time: u64 = 0;
    return if (imports.proxy_get_current_time_nanoseconds(&time) == .ok) time else 0;
}

// ------------------------------------------------------------------ results

/// A result, `null` where the host has none, or an error when there was no memory for it.
const Result = error{OutOfMemory}!?[]const u8;

pub const Slot = struct {
    bytes: ?[*]u8 = null,
    length: usize = 0,

    /// `slot` is read after the call that fills it, so it comes by its address.
    pub fn of(slot: *const Slot, status: Status) Result {
        if (status == .ok) return slot.slice();
        if (memory.exhausted) {
            memory.exhausted = false;
            return error.OutOfMemory;
        }
        return null;
    }

    fn slice(slot: *const Slot) []const u8 {
        return (slot.bytes orelse return "")[0..slot.length];
    }
};

const Buffer = enum(u32) { grpc_message = 5, plugin_configuration = 7 };

fn bufferBytes(kind: Buffer, length: usize) Result {
    var slot: Slot = .{};
    return slot.of(imports.proxy_get_buffer_bytes(@backingInt(kind), 0, length, &slot.bytes, &slot.length));
}

pub fn pluginConfiguration(length: usize) Result {
    return bufferBytes(.plugin_configuration, length);
}

pub fn grpcMessage(length: usize) Result {
    return bufferBytes(.grpc_message, length);
}

const HeaderMap = enum(u32) { request = 0, response = 2 };

/// The first value of a request header. For one that may come twice, `property` has them all, joined.
pub fn firstRequestHeader(name: []const u8) Result {
    var slot: Slot = .{};
    return slot.of(imports.proxy_get_header_map_value(@backingInt(HeaderMap.request), name.ptr, name.len, &slot.bytes, &slot.length));
}

/// All request headers, serialized as `Pairs` reads them.
pub fn requestHeaders() Result {
    return allHeaders(.request);
}

/// All headers of the response, likewise.
pub fn responseHeaders() Result {
    return allHeaders(.response);
}

fn allHeaders(map: HeaderMap) Result {
    var slot: Slot = .{};
    return slot.of(imports.proxy_get_header_map_pairs(@backingInt(map), &slot.bytes, &slot.length));
}

/// The bytes of all names and values of the request's headers; `null` when the host does not say.
pub fn requestHeadersSize() ?usize {
    var size: usize = 0;
    return if (imports.proxy_get_header_map_size(@backingInt(HeaderMap.request), &size) == .ok) size else null;
}

pub fn addResponseHeader(name: []const u8, value: []const u8) void {
    _ = imports.proxy_add_header_map_value(@backingInt(HeaderMap.response), name.ptr, name.len, value.ptr, value.len);
}

pub fn addRequestHeader(name: []const u8, value: []const u8) void {
    _ = imports.proxy_add_header_map_value(@backingInt(HeaderMap.request), name.ptr, name.len, value.ptr, value.len);
}

/// All of that name.
pub fn removeRequestHeader(name: []const u8) void {
    _ = imports.proxy_remove_header_map_value(@backingInt(HeaderMap.request), name.ptr, name.len);
}

pub fn removeResponseHeader(name: []const u8) void {
    _ = imports.proxy_remove_header_map_value(@backingInt(HeaderMap.response), name.ptr, name.len);
}

/// An attribute of the stream by its path, the segments parted by NUL.
pub fn property(path: []const u8) Result {
    var slot: Slot = .{};
    return slot.of(imports.proxy_get_property(path.ptr, path.len, &slot.bytes, &slot.length));
}

pub fn setProperty(name: []const u8, value: []const u8) bool {
    return imports.proxy_set_property(name.ptr, name.len, value.ptr, value.len) == .ok;
}

pub const ForeignError = error{
    /// The host has no such function.
    NotFound,
    /// It does not take the argument.
    BadArgument,
    /// There was no memory for what it gives.
    OutOfMemory,
    /// Anything else, such as an evaluation that ended in an error.
    Failed,
};

pub fn callForeignFunction(name: []const u8, argument: []const u8) ForeignError![]const u8 {
    var slot: Slot = .{};
    switch (imports.proxy_call_foreign_function(name.ptr, name.len, argument.ptr, argument.len, &slot.bytes, &slot.length)) {
        .ok => return slot.slice(),
        .not_found => return error.NotFound,
        .bad_argument => return error.BadArgument,
        _ => {
            defer memory.exhausted = false;
            return if (memory.exhausted) error.OutOfMemory else error.Failed;
        },
    }
}

// ------------------------------------------------------------------ the stream

pub const Header = struct { name: []const u8, value: []const u8 };

/// Whether gRPC takes it for the value of metadata.
pub fn isPlain(value: []const u8) bool {
    for (value) |byte| if (byte < ' ' or byte > '~') return false;
    return true;
}

/// Whether the host can send it on: the name a token (so no pseudo-header), the value free of what would end the line.
pub fn isHeader(header: Header) bool {
    if (header.name.len == 0) return false;
    for (header.name) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and std.mem.findScalar(u8, "!#$%&'*+-.^_`|~", byte) == null) return false;
    }
    return std.mem.findAny(u8, header.value, "\x00\r\n") == null;
}

/// Whether gRPC takes both for a piece of metadata of somebody's own.
pub fn isMetadata(name: []const u8, value: []const u8) bool {
    if (name.len == 0 or std.mem.startsWith(u8, name, "grpc-") or std.mem.endsWith(u8, name, "-bin")) return false;
    for (name) |byte| switch (byte) {
        'a'...'z', '0'...'9', '-', '_', '.' => {},
        else => return false,
    };
    return isPlain(value);
}

/// Header pairs in the host's serialization: count, then every name's and value's length, then the bytes, each with a NUL.
pub fn serializePairs(allocator: std.mem.Allocator, pairs: []const Header) error{OutOfMemory}![]const u8 {
    if (pairs.len == 0) return "";
    var bytes: std.ArrayList(u8) = .empty;
    try appendLength(allocator, &bytes, pairs.len);
    for (pairs) |pair| {
        try appendLength(allocator, &bytes, pair.name.len);
        try appendLength(allocator, &bytes, pair.value.len);
    }
    for (pairs) |pair| for ([_][]const u8{ pair.name, pair.value }) |text| {
        try bytes.appendSlice(allocator, text);
        try bytes.append(allocator, 0);
    };
    return bytes.items;
}

fn appendLength(allocator: std.mem.Allocator, bytes: *std.ArrayList(u8), length: usize) error{OutOfMemory}!void {
    var word: [4]u8 = undefined;
    std.mem.writeInt(u32, &word, @intCast(length), .little);
    try bytes.appendSlice(allocator, &word);
}

/// What `serializePairs` wrote, or the host in the same form. Bytes that are not of it end the walk.
pub const Pairs = struct {
    bytes: []const u8,
    count: usize,
    index: usize = 0,
    offset: usize,

    pub fn init(bytes: []const u8) Pairs {
        const count = if (bytes.len < 4) 0 else std.mem.readInt(u32, bytes[0..4], .little);
        if (count > bytes.len / 8) return .{ .bytes = "", .count = 0, .offset = 0 };
        return .{ .bytes = bytes, .count = count, .offset = 4 + 8 * count };
    }

    pub fn next(pairs: *Pairs) ?Header {
        if (pairs.index == pairs.count) return null;
        const name = pairs.text(4 + 8 * pairs.index) orelse return null;
        const value = pairs.text(8 + 8 * pairs.index) orelse return null;
        pairs.index += 1;
        return .{ .name = name, .value = value };
    }

    /// The bytes of all names and values of what the host has written.
    pub fn size(bytes: []const u8) usize {
        const pairs: Pairs = .init(bytes);
        return pairs.bytes.len -| (4 + 10 * pairs.count);
    }

    fn text(pairs: *Pairs, length_at: usize) ?[]const u8 {
        if (length_at + 4 > pairs.bytes.len) return null;
        const length = std.mem.readInt(u32, pairs.bytes[length_at..][0..4], .little);
        if (pairs.offset >= pairs.bytes.len or length >= pairs.bytes.len - pairs.offset) return null;
        defer pairs.offset += length + 1;
        return pairs.bytes[pairs.offset..][0..length];
    }
};

/// Answers the request in the upstream's place. `headers` are serialized pairs. For a gRPC request the host makes it status
/// 200 with `grpc_status`; without one it derives it from the code, as it does for its own filters.
pub fn sendLocalResponse(code: u32, details: []const u8, body: []const u8, headers: []const u8, grpc_status: ?u5) void {
    const status: i32 = if (grpc_status) |one| one else -1;
    _ = imports.proxy_send_local_response(code, details.ptr, details.len, body.ptr, body.len, headers.ptr, headers.len, status);
}

pub fn continueRequest() void {
    _ = imports.proxy_continue_stream(0);
}

/// Makes the calls that follow act on this stream instead of the root context.
pub fn setEffectiveContext(context: u32) void {
    _ = imports.proxy_set_effective_context(context);
}

pub const GrpcCall = struct {
    /// A serialized `envoy.config.core.v3.GrpcService`.
    service: []const u8,
    name: []const u8,
    method: []const u8,
    /// Serialized pairs.
    metadata: []const u8,
    message: []const u8,
    timeout_ms: u32,
};

/// The call's token, or `null` when the host could not even start it.
pub fn startGrpcCall(call: GrpcCall) ?u32 {
    var token: u32 = 0;
    const status = imports.proxy_grpc_call(call.service.ptr, call.service.len, call.name.ptr, call.name.len, call.method.ptr, call.method.len, call.metadata.ptr, call.metadata.len, call.message.ptr, call.message.len, call.timeout_ms, &token);
    return if (status == .ok) token else null;
}

/// What is said beside the status of the call that is being closed; empty when it cannot be known.
pub fn grpcStatusMessage() []const u8 {
    var code: u32 = 0;
    var slot: Slot = .{};
    const message = slot.of(imports.proxy_get_status(&code, &slot.bytes, &slot.length)) catch null;
    return message orelse "";
}

/// From now on the root context of the current one is called as often as this; never, with 0.
pub fn setTickPeriod(milliseconds: u32) void {
    _ = imports.proxy_set_tick_period_milliseconds(milliseconds);
}

pub fn cancelGrpcCall(token: u32) void {
    _ = imports.proxy_grpc_cancel(token);
}

// ------------------------------------------------------------------ metrics

/// A counter's number, or `null` when the host has none to give.
pub fn defineCounter(name: []const u8) ?u32 {
    var metric: u32 = 0;
    return if (imports.proxy_define_metric(0, name.ptr, name.len, &metric) == .ok) metric else null;
}

pub fn increment(metric: u32) void {
    _ = imports.proxy_increment_metric(metric, 1);
}
