//! Kuadrant's rate limiting, by a configuration as CONFIGURATION.md describes it.

const filter = @import("filter.zig");

pub const front = @import("request_calls.zig");
pub const panic = filter.panic;

comptime {
    _ = filter;
}
