//! A stand-in for an official shim, for tests: official/action_sets.zig.

const filter = @import("filter.zig");

pub const front = @import("official/action_sets.zig");
pub const panic = filter.panic;

comptime {
    _ = filter;
}
