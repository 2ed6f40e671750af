//! A stand-in for an official shim, for tests: official/rate_limit_policies_v0_4.zig.

const filter = @import("filter.zig");

pub const front = @import("official/rate_limit_policies_v0_4.zig");
pub const panic = filter.panic;

comptime {
    _ = filter;
}
