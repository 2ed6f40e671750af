//! The headers of the present request. The host is asked for none of them twice, and for all of them at once where several may be needed:
//! most of what a question costs is that the host asks back for memory, and it does that once for all of them, too.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");

pub const Error = error{OutOfMemory};

/// Those that every request has once at most.
pub const Single = enum {
    method,
    path,
    authority,

    fn name(single: Single) []const u8 {
        return switch (single) {
            .method => ":method",
            .path => ":path",
            .authority => ":authority",
        };
    }
};

/// What is known already. It lies in scratch memory.
const Known = struct {
    singles: std.EnumArray(Single, ?(?[]const u8)) = .initFill(null),
    size: ?usize = null,
    all: ?[]const host.Header = null,
};
var known: Known = .{};

/// To be called before a request is looked at, and after that: what is known is forgotten.
pub fn forget() void {
    known = .{};
}

/// The bytes of all names and values; of a host that does not say, as many as there can be.
pub fn size() usize {
    if (known.size == null) known.size = host.requestHeadersSize() orelse std.math.maxInt(usize);
    return known.size.?;
}

pub fn first(single: Single) Error!?[]const u8 {
    const place = known.singles.getPtr(single);
    if (place.* == null) place.* = if (known.all) |headers| firstOf(headers, single.name()) else try host.firstRequestHeader(single.name());
    return place.*.?;
}

/// All values of the header at a path of the host, its name in lower case behind `prefix`, joined with `,`.
pub fn joined(path: []const u8) Error!?[]const u8 {
    const headers = known.all orelse return host.property(path);
    const asked = path[prefix.len..];
    // As Envoy does, which has one header for both names.
    const name = if (std.mem.eql(u8, asked, "host")) Single.authority.name() else asked;
    const value = firstOf(headers, name) orelse return null;
    var values: std.ArrayList(u8) = .empty;
    for (headers) |header| if (std.mem.eql(u8, header.name, name) and header.value.ptr != value.ptr) {
        if (values.items.len == 0) try values.appendSlice(memory.scratch, value);
        try values.append(memory.scratch, ',');
        try values.appendSlice(memory.scratch, header.value);
    };
    return if (values.items.len > 0) values.items else value;
}

pub const prefix = "request\x00headers\x00";

/// All of them, from which every other question is answered then; `null` when the host does not say.
pub fn all() Error!?[]const host.Header {
    if (known.all == null) {
        const pairs = try host.requestHeaders() orelse return null;
        known.size = host.Pairs.size(pairs);
        known.all = try list(pairs);
    }
    return known.all;
}

fn list(bytes: []const u8) Error![]const host.Header {
    const pairs: host.Pairs = .init(bytes);
    const headers = try memory.scratch.alloc(host.Header, pairs.count);
    // As `Pairs.next` does it, one after the other; this is done for every request.
    const lengths = std.mem.bytesAsSlice([2]u32, if (pairs.count > 0) bytes[4..][0 .. 8 * pairs.count] else "");
    var rest = bytes[@min(pairs.offset, bytes.len)..];
    for (headers, lengths, 0..) |*header, length, count| {
        const name, const value = length;
        if (name >= rest.len or value >= rest.len - name - 1) return headers[0..count];
        header.* = .{ .name = rest[0..name], .value = rest[name + 1 ..][0..value] };
        rest = rest[name + value + 2 ..];
    }
    return headers;
}

/// Whether the request may have a header of that name, in lower case.
pub fn mayHave(name: []const u8) bool {
    if (known.all) |headers| return firstOf(headers, name) != null;
    return (host.firstRequestHeader(name) catch return true) != null;
}

fn firstOf(headers: []const host.Header, name: []const u8) ?[]const u8 {
    for (headers) |header| if (std.mem.eql(u8, header.name, name)) return header.value;
    return null;
}
