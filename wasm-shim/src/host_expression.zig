//! Expressions in CEL, compiled and evaluated by the host. They can be evaluated while it shows the request's headers, not later.

const std = @import("std");
const admission = @import("expression_admission.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const TextTable = @import("text_table.zig").TextTable;
const Allocator = std.mem.Allocator;

pub const EvaluationError = error{
    OutOfMemory,
    /// The request is too large for expressions.
    TooLarge,
    /// Those of its owner have taken too much time before.
    OverBudget,
    /// It takes too much itself.
    TooMuch,
    Failed,
};

/// A compiled expression: the host's number for it.
pub const Expression = struct {
    token: [4]u8,

    /// The value's bytes, as text when the expression is one of `Expressions.value`.
    pub fn evaluate(expression: Expression) EvaluationError![]const u8 {
        try admission.allow();
        return expression.evaluateNow();
    }

    fn evaluateNow(expression: Expression) error{ OutOfMemory, Failed }![]const u8 {
        return host.callForeignFunction("expr_evaluate", &expression.token) catch |reason| switch (reason) {
            error.OutOfMemory => error.OutOfMemory,
            else => error.Failed,
        };
    }

    pub fn holds(expression: Expression) EvaluationError!bool {
        const result = try expression.evaluate();
        if (result.len != 1) return error.Failed;
        return result[0] != 0;
    }
};

pub const Error = error{
    OutOfMemory,
    /// The host evaluates no CEL.
    Unsupported,
    /// The host does not take the text.
    Invalid,
};

/// The variable that holds a text for the expressions of `Expressions.textMatches`.
const text_variable = "kuadrant_text";

/// The expressions of one configuration, each text compiled once.
pub const Expressions = struct {
    by_text: TextTable(Expression) = .empty,
    declared: bool = false,

    /// A condition. The result is forced to be a boolean: the host does not say what type a value has.
    pub fn predicate(expressions: *Expressions, allocator: Allocator, text: []const u8) Error!Expression {
        try checkText(text);
        return expressions.get(allocator, try std.mem.concat(allocator, u8, &.{ "(", text, "\n) ? true : false" }));
    }

    /// A value, as text.
    pub fn value(expressions: *Expressions, allocator: Allocator, text: []const u8) Error!Expression {
        try checkText(text);
        return expressions.get(allocator, try std.mem.concat(allocator, u8, &.{ "string(", text, "\n)" }));
    }

    /// Whether the whole path, without its query, matches the regular expression.
    pub fn pathMatches(expressions: *Expressions, allocator: Allocator, pattern: []const u8) Error!Expression {
        return expressions.matches(allocator, "request.url_path", pattern);
    }

    /// Whether the whole of a text that `setText` gave before matches.
    pub fn textMatches(expressions: *Expressions, allocator: Allocator, pattern: []const u8) Error!Expression {
        if (!expressions.declared) {
            // A `DeclarePropertyArguments` with the name (1) and the type String (3): without it the variable would be of type bytes.
            const declaration = "\x0a" ++ .{text_variable.len} ++ text_variable ++ "\x18\x01";
            _ = host.callForeignFunction("declare_property", declaration) catch {};
            expressions.declared = true;
        }
        return expressions.matches(allocator, text_variable, pattern);
    }

    fn matches(expressions: *Expressions, allocator: Allocator, subject: []const u8, pattern: []const u8) Error!Expression {
        // A pattern is only looked at when it is used, so it is used once here; alone, so that it cannot close our group.
        const sample = try create(try std.mem.concat(memory.scratch, u8, &.{ "''.matches(", try literal(pattern), ")" }));
        defer delete(sample);
        _ = sample.evaluateNow() catch return error.Invalid;
        const whole = try std.mem.concat(memory.scratch, u8, &.{ "^(?:", pattern, ")$" });
        return expressions.get(allocator, try std.mem.concat(allocator, u8, &.{ subject, ".matches(", try literal(whole), ")" }));
    }

    fn get(expressions: *Expressions, allocator: Allocator, text: []const u8) Error!Expression {
        const entry = try expressions.by_text.getOrPut(allocator, text);
        if (!entry.found_existing) {
            errdefer expressions.by_text.removeByPtr(entry.key_ptr);
            entry.value_ptr.* = try create(text);
        }
        return entry.value_ptr.*;
    }

    pub fn deleteAll(expressions: *Expressions) void {
        var each = expressions.by_text.valueIterator();
        while (each.next()) |expression| delete(expression.*);
        expressions.by_text = .empty;
    }
};

/// Makes `text` what the expressions of `Expressions.textMatches` look at.
pub fn setText(text: []const u8) bool {
    return host.setProperty(text_variable, text);
}

/// The user's text must be an expression by itself; inside of ours, `a) || (b` would be one too.
fn checkText(text: []const u8) Error!void {
    delete(try create(text));
}

fn create(text: []const u8) Error!Expression {
    const token = host.callForeignFunction("expr_create", text) catch |reason| return switch (reason) {
        error.NotFound => error.Unsupported,
        error.BadArgument, error.Failed => error.Invalid,
        error.OutOfMemory => error.OutOfMemory,
    };
    if (token.len != 4) return error.Invalid;
    return .{ .token = token[0..4].* };
}

fn delete(expression: Expression) void {
    _ = host.callForeignFunction("expr_delete", &expression.token) catch {};
}

/// `text`, which is UTF-8, as a string literal of CEL.
fn literal(text: []const u8) error{OutOfMemory}![]const u8 {
    var quoted: std.ArrayList(u8) = .empty;
    try quoted.append(memory.scratch, '"');
    for (text) |byte| switch (byte) {
        '"', '\\' => try quoted.appendSlice(memory.scratch, &.{ '\\', byte }),
        0...0x1f, 0x7f => try quoted.print(memory.scratch, "\\u00{x:0>2}", .{byte}),
        else => try quoted.append(memory.scratch, byte),
    };
    try quoted.append(memory.scratch, '"');
    return quoted.items;
}
