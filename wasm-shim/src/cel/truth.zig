//! What an expression says as a condition, in a byte.

const value = @import("value.zig");
const Value = value.Value;

pub const Truth = enum(u8) {
    no,
    yes,
    /// A value that is neither true nor false.
    neither,
    /// No value: the others are failures, by their numbers.
    _,

    pub const first_failure = 8;

    pub fn of(truth: bool) Truth {
        return if (truth) .yes else .no;
    }

    pub fn fail(reason: value.Failure) Truth {
        return @fromBackingInt(@backingInt(reason) + first_failure);
    }

    pub fn ofValue(found: Value) Truth {
        return switch (found) {
            .bool => |truth| .of(truth),
            .failure => |reason| .fail(reason),
            else => .neither,
        };
    }

    /// Of one that is not `neither`.
    pub fn asValue(truth: Truth) Value {
        return switch (truth) {
            .no => .{ .bool = false },
            .yes => .{ .bool = true },
            .neither => unreachable,
            _ => .fail(@fromBackingInt(@backingInt(truth) - first_failure)),
        };
    }
};
