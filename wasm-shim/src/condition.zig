//! Conditions of a limit: an attribute compared with a value, or an expression.

const std = @import("std");
const document = @import("configuration_document.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const EvaluationError = @import("host_expression.zig").EvaluationError;
const Expression = @import("host_expression.zig").Expression;
const Own = @import("own_expression.zig").Own;
const Glob = @import("glob.zig").Glob;

pub const Condition = union(enum) {
    comparison: Comparison,
    expression: Expression,
    own: *Own,

    pub fn holds(condition: Condition, attributes: *Attributes) EvaluationError!bool {
        return switch (condition) {
            .comparison => |comparison| comparison.holds(try attributes.get(comparison.attribute) orelse ""),
            .expression => |expression| expression.holds(),
            .own => |own| own.holds(attributes),
        };
    }
};

pub const Comparison = struct {
    attribute: u32,
    operator: document.Operator,
    value: []const u8,
    /// The compiled value of the operator `matches`; `null` for one that is too long, which cannot be evaluated.
    glob: ?Glob = .nothing,

    pub fn holds(comparison: Comparison, text: []const u8) error{Failed}!bool {
        return switch (comparison.operator) {
            .eq => std.mem.eql(u8, text, comparison.value),
            .neq => !std.mem.eql(u8, text, comparison.value),
            .startswith => std.mem.startsWith(u8, text, comparison.value),
            .endswith => std.mem.endsWith(u8, text, comparison.value),
            .incl => includes(text, comparison.value),
            .excl => !includes(text, comparison.value),
            .matches => (comparison.glob orelse return error.Failed).matches(text),
        };
    }
};

/// Whether `value` is an item of the list `text`. White space around an item is not part of it.
fn includes(text: []const u8, value: []const u8) bool {
    var items = std.mem.splitScalar(u8, text, ',');
    while (items.next()) |item| {
        if (std.mem.eql(u8, std.mem.trim(u8, item, " \t"), value)) return true;
    }
    return false;
}
