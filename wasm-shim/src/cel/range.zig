//! What a repetition goes through.

const value = @import("value.zig");
const Value = value.Value;

/// The items of a list, the keys of a map.
pub const Range = struct {
    items: []const Value = &.{},
    entries: []const value.Entry = &.{},
    failure: ?value.Failure = null,
    index: usize = 0,

    pub fn next(range: *Range) ?Value {
        defer range.index += 1;
        if (range.index < range.items.len) return range.items[range.index];
        return if (range.index < range.entries.len) range.entries[range.index].key else null;
    }
};
