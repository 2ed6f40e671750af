//! The module's counters; Envoy shows them as `wasmcustom.kuadrant.<name>`.

const host = @import("host.zig");

pub const Counter = enum { requests, allowed, limited, errors, configurations_refused };

var metrics: [@typeInfo(Counter).@"enum".field_names.len]?u32 = @splat(null);

pub fn define() void {
    inline for (@typeInfo(Counter).@"enum".field_names, &metrics) |name, *metric| {
        if (metric.* == null) metric.* = host.defineCounter("kuadrant." ++ name);
    }
}

pub fn count(counter: Counter) void {
    if (metrics[@backingInt(counter)]) |metric| host.increment(metric);
}
