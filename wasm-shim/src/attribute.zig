//! Attributes of a request, named by selectors: `request.method`, `request.headers.x-user`, `source.address`.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const authority = @import("authority.zig");
const request_headers = @import("request_headers.zig");
const Allocator = std.mem.Allocator;

pub const Attribute = union(enum) {
    method,
    /// With the query.
    path,
    url_path,
    query,
    /// Lower case, without the port.
    host,
    /// As the client sent it.
    authority,
    /// The client's address without the port.
    remote_address,
    /// All values of a header, joined with `,`; of the path of its name the host has it at.
    header: []const u8,
    /// What no request has.
    nothing,
    /// The others are read from the host by their path, segments parted by NUL, and differ in how it writes their values.
    text: []const u8,
    integer: []const u8,
    boolean: []const u8,
    time: []const u8,

    /// The attribute at a path whose segments are parted by NUL.
    pub fn at(path: []const u8) Attribute {
        return if (named.get(path)) |kind| switch (kind) {
            .method => .method,
            .path => .path,
            .url_path => .url_path,
            .query => .query,
            .host => .host,
            .remote_address => .remote_address,
            .integer => .{ .integer = path },
            .boolean => .{ .boolean = path },
            .time => .{ .time = path },
        } else if (isHeader(path)) .{ .header = path } else .{ .text = path };
    }

    /// The attribute as expressions see it: as the host has it, but for those texts that are as quickly read from the headers, and
    /// for the address that the host has with its port only.
    pub fn asHostHas(path: []const u8) Attribute {
        if (path.len == 0) return .nothing;
        return switch (named.get(path) orelse return .{ .text = path }) {
            .method => .method,
            .path => .path,
            .url_path => .url_path,
            .query => .query,
            .host => .authority,
            .remote_address => .remote_address,
            else => .{ .text = path },
        };
    }

    /// The attribute's text in the request that is being looked at, or `null` when it has none.
    pub fn read(attribute: Attribute) error{OutOfMemory}!?[]const u8 {
        switch (attribute) {
            .method => return request_headers.first(.method),
            .path => return request_headers.first(.path),
            .url_path => return urlPath(try request_headers.first(.path) orelse return null),
            .query => return query(try request_headers.first(.path) orelse return null),
            .authority => return request_headers.first(.authority),
            .header => |path| return request_headers.joined(path),
            .nothing => return null,
            .host => return try hostname(),
            .remote_address => return authority.addressOnly(try host.property("source\x00address") orelse return null),
            .text => |path| return host.property(path),
            .integer => |path| {
                const bytes = try host.property(path) orelse return null;
                if (bytes.len != 8) return bytes;
                return try std.fmt.allocPrint(memory.scratch, "{d}", .{std.mem.readInt(i64, bytes[0..8], .little)});
            },
            .boolean => |path| {
                const bytes = try host.property(path) orelse return null;
                if (bytes.len != 1) return bytes;
                return if (bytes[0] != 0) "true" else "false";
            },
            .time => |path| {
                const bytes = try host.property(path) orelse return null;
                if (bytes.len != 8) return bytes;
                return try timestamp(std.mem.readInt(i64, bytes[0..8], .little));
            },
        }
    }
};

const Kind = enum { method, path, url_path, query, host, remote_address, integer, boolean, time };

const named: std.StaticStringMap(Kind) = .initComptime(.{
    .{ "request\x00method", .method },
    .{ "request\x00path", .path },
    .{ "request\x00url_path", .url_path },
    .{ "request\x00query", .query },
    .{ "request\x00host", .host },
    .{ "source\x00remote_address", .remote_address },
    .{ "request\x00size", .integer },
    .{ "request\x00total_size", .integer },
    .{ "source\x00port", .integer },
    .{ "destination\x00port", .integer },
    .{ "connection\x00id", .integer },
    .{ "connection\x00mtls", .boolean },
    .{ "request\x00time", .time },
});

/// A selector's path, its segments parted by NUL. `\.` is a dot inside a segment. Header names become lower case.
pub fn parseSelector(allocator: Allocator, selector: []const u8) error{ OutOfMemory, Malformed }![]const u8 {
    const path = try allocator.alloc(u8, selector.len);
    var length: usize = 0;
    var segment_start: usize = 0;
    var index: usize = 0;
    while (index < selector.len) : (index += 1) {
        var byte = selector[index];
        if (byte == 0) return error.Malformed;
        if (byte == '.') {
            if (length == segment_start) return error.Malformed;
            byte = 0;
            segment_start = length + 1;
        } else if (byte == '\\') {
            index += 1;
            if (index == selector.len or selector[index] == 0) return error.Malformed;
            byte = selector[index];
        }
        path[length] = byte;
        length += 1;
    }
    if (length == segment_start) return error.Malformed;
    if (std.mem.startsWith(u8, path[0..length], header_prefix)) {
        for (path[header_prefix.len..length]) |*byte| byte.* = std.ascii.toLower(byte.*);
    }
    return path[0..length];
}

/// The path of all values of a request header, joined with `,`, but for the header's name.
pub const header_prefix = request_headers.prefix;

/// Whether a request can have a header at this path: the host would take the path of another one for something else.
pub fn isHeader(path: []const u8) bool {
    if (!std.mem.startsWith(u8, path, header_prefix) or path.len == header_prefix.len) return false;
    return std.mem.findScalarPos(u8, path, header_prefix.len, 0) == null;
}

/// The path without query and fragment.
pub fn urlPath(path: []const u8) []const u8 {
    return path[0 .. std.mem.findAny(u8, path, "?#") orelse path.len];
}

/// What follows the first `?`.
pub fn query(path: []const u8) []const u8 {
    const mark = std.mem.findScalar(u8, path, '?') orelse return "";
    return path[mark + 1 ..];
}

/// The request's host in lower case without its port; empty when it names none.
pub fn hostname() error{OutOfMemory}![]const u8 {
    const text = authority.withoutPort(try request_headers.first(.authority) orelse return "");
    for (text) |byte| {
        if (std.ascii.isUpper(byte)) return std.ascii.allocLowerString(memory.scratch, text);
    }
    return text;
}

/// RFC 3339 in UTC, as CEL writes a timestamp.
fn timestamp(nanoseconds: i64) error{OutOfMemory}![]const u8 {
    if (nanoseconds < 0) return std.fmt.allocPrint(memory.scratch, "{d}", .{nanoseconds});
    const total: u64 = @intCast(nanoseconds);
    const seconds: std.time.epoch.EpochSeconds = .{ .secs = total / std.time.ns_per_s };
    const day = seconds.getEpochDay().calculateYearDay();
    const month = day.calculateMonthDay();
    const clock = seconds.getDaySeconds();
    const text = try std.fmt.allocPrint(memory.scratch, "{d:0>4}-{d:0>2}-{d:0>2}T{d:0>2}:{d:0>2}:{d:0>2}.{d:0>9}", .{
        day.year,                  month.month.numeric(),      month.day_index + 1,
        clock.getHoursIntoDay(),   clock.getMinutesIntoHour(), clock.getSecondsIntoMinute(),
        total % std.time.ns_per_s,
    });
    const trimmed = std.mem.trimEnd(u8, std.mem.trimEnd(u8, text, "0"), ".");
    return std.mem.concat(memory.scratch, u8, &.{ trimmed, "Z" });
}
