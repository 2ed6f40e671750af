//! The module's counters; Envoy shows them as `wasmcustom.kuadrant.<name>`.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const response_code_details = @import("response_code_details.zig");
const table = @import("text_table.zig");

pub const Counter = enum { requests, allowed, limited, errors, configurations_refused, remembered };

var metrics: [@typeInfo(Counter).@"enum".field_names.len]?u32 = @splat(null);

pub fn define() void {
    inline for (@typeInfo(Counter).@"enum".field_names, &metrics) |name, *metric| {
        if (metric.* == null) metric.* = host.defineCounter("kuadrant." ++ name);
    }
}

pub fn count(counter: Counter) void {
    if (metrics[@backingInt(counter)]) |metric| host.increment(metric);
}

// ------------------------------------------------------------------ of each limit

/// The counters of limits, by the digest of limit and scope. The host keeps a counter for as long as the VM lives, so they are never
/// more than this; all other limits count in one.
var by_limit: std.array_hash_map.Auto(u64, ?u32) = .empty;
const most_limits = 1000;
var others: ?u32 = null;

/// A request was refused for this limit; empty where it is not known which one. Its counter is made when it refuses for the first time:
/// a configuration costs nothing for limits that never do.
pub fn countLimited(limit: []const u8, scope: []const u8) void {
    count(.limited);
    if (find(.limited, limit, scope)) |metric| host.increment(metric);
}

/// Why a limit that this gateway counts has a request that it lets through.
pub const What = enum { limited, shadow_limited, soft_exceeded };

/// A request went on for which a limit that refuses nobody had no room.
pub fn countPassed(limit: []const u8, scope: []const u8, what: What) void {
    if (find(what, limit, scope)) |metric| host.increment(metric);
}

fn find(what: What, limit: []const u8, scope: []const u8) ?u32 {
    const digest = (table.hash(limit) *% 31 +% table.hash(scope)) *% 31 +% @backingInt(what);
    if (by_limit.get(digest)) |known| return known;
    if (by_limit.count() < most_limits) {
        by_limit.ensureUnusedCapacity(memory.lasting, 1) catch return null;
        const metric = host.defineCounter(nameOf(what, if (limit.len > 0) limit else "unknown", scope));
        by_limit.putAssumeCapacity(digest, metric);
        return metric;
    }
    if (others == null) others = host.defineCounter(nameOf(.limited, "other", "other"));
    return if (what == .limited) others else null;
}

/// Limit and scope are written as Istio's tag extraction takes them (`extraStatTags`), in the middle: what is left without them is a name.
fn nameOf(what: What, limit: []const u8, scope: []const u8) []const u8 {
    var writer = response_code_details.begin();
    writeName(&writer, what, limit, scope) catch unreachable;
    return writer.buffered();
}

fn writeName(writer: *std.Io.Writer, what: What, limit: []const u8, scope: []const u8) std.Io.Writer.Error!void {
    try writer.writeAll("kuadrant.kuadrant_limit.=.");
    try response_code_details.word(writer, limit);
    try writer.writeAll(";.kuadrant_scope.=.");
    try response_code_details.word(writer, scope);
    try writer.print(";.{t}_by_limit", .{what});
}

test "the name of a limit's counter" {
    try std.testing.expectEqualStrings("kuadrant.kuadrant_limit.=.limit.create_toy__fb82c51a;.kuadrant_scope.=.default/toystore;.limited_by_limit", nameOf(.limited, "limit.create_toy__fb82c51a", "default/toystore"));
    try std.testing.expect(std.mem.find(u8, nameOf(.limited, "a;.b", "c"), "kuadrant_limit.=.a_.b;.") != null);
}
