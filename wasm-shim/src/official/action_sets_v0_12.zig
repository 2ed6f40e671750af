//! The official shim's configuration of v0.12, `services` and `actionSets` with `conditionalData`, with that version's meaning.

const reader = @import("action_set.zig").Reader(.v0_12);

pub const Configuration = reader.Configuration;
pub const Error = reader.Error;
pub const read = reader.read;
pub const ask = reader.ask;
pub const headers_as_they_come = true;
