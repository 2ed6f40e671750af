//! A stand-in for an official shim, for tests: official/action_sets_v0_9.zig.

const filter = @import("filter.zig");

pub const front = @import("official/action_sets_v0_9.zig");
pub const panic = filter.panic;

comptime {
    _ = filter;
}
