//! Expressions that were compiled beforehand, evaluated here over the attributes of the present request.

const std = @import("std");
const attribute = @import("attribute.zig");
const admission = @import("expression_admission.zig");
const evaluator = @import("cel/evaluator.zig");
const expression = @import("host_expression.zig");
const host = @import("proxy_wasm_host.zig");
const identity = @import("identity.zig");
const known_attribute = @import("known_attribute.zig");
const memory = @import("memory.zig");
const request_headers = @import("request_headers.zig");
const program = @import("cel/program.zig");
const text = @import("cel/text.zig");
const value = @import("cel/value.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const Moment = @import("cel/moment.zig").Moment;
const Places = @import("cel/places.zig").Places;
const work_budget = @import("cel/work_budget.zig");
const Growing = work_budget.Growing;
const Spent = work_budget.Spent;
const Truth = @import("cel/truth.zig").Truth;
const Value = value.Value;
const Work = work_budget.Work;
const Allocator = std.mem.Allocator;

pub const Error = program.Error || error{NoIdentity};

pub const Own = struct {
    program: program.Program,
    /// What it came to in the request that was looked at last: several limits may ask for the same.
    condition: Found(Truth) = .{},
    value: Found(Value) = .{},

    /// What `encoded`, a program as base64, stands for.
    /// `identified` is the number of the identity that it may ask for.
    pub fn read(allocator: Allocator, attributes: *Attributes, encoded: []const u8, identified: ?u32) Error!Own {
        const decoder = std.base64.standard.Decoder;
        const bytes = try allocator.alloc(u8, decoder.calcSizeForSlice(encoded) catch return error.Malformed);
        decoder.decode(bytes, encoded) catch return error.Malformed;
        const found: program.Program = try .read(allocator, bytes);
        for (found.attributes) |*one| one.slot = try slotOf(allocator, attributes, one, identified);
        return .{ .program = found };
    }

    pub fn holds(own: *Own, attributes: *Attributes) expression.EvaluationError!bool {
        const found = own.condition.of(attributes) orelse blk: {
            var work = try begin();
            defer end(work);
            break :blk own.condition.keep(attributes, try evaluator.condition(&own.program, seen(attributes), &work));
        };
        return switch (found) {
            .yes => true,
            .no => false,
            else => error.Failed,
        };
    }

    pub fn asText(own: *Own, attributes: *Attributes) expression.EvaluationError![]const u8 {
        const found = own.value.of(attributes) orelse blk: {
            var work = try begin();
            defer end(work);
            break :blk own.value.keep(attributes, try evaluator.evaluate(&own.program, seen(attributes), &work));
        };
        return switch (found) {
            .string => |string| string,
            else => error.Failed,
        };
    }
};

fn Found(comptime Result: type) type {
    return struct {
        request: u64 = 0,
        result: Result = undefined,

        fn of(found: *const @This(), attributes: *const Attributes) ?Result {
            return if (found.request == attributes.request) found.result else null;
        }

        fn keep(found: *@This(), attributes: *const Attributes, result: Result) Result {
            found.* = .{ .request = attributes.request, .result = result };
            return result;
        }
    };
}

/// Counts evaluations, so that each is charged once for what it reads.
var evaluation: u64 = 0;
/// Steps of the present one that were taken by another before.
var taken_before: usize = 0;

fn begin() error{ TooLarge, OverBudget }!Work {
    try admission.allowProgram();
    evaluation += 1;
    taken_before = 0;
    return .{ .allocator = memory.scratch, .steps = work_budget.most_steps, .bytes = work_budget.most_bytes };
}

fn end(work: Work) void {
    admission.stepped(work_budget.most_steps - work.steps - taken_before);
}

fn seen(attributes: *Attributes) evaluator.Attributes {
    return .{ .context = attributes, .read = read_ };
}

fn slotOf(allocator: Allocator, attributes: *Attributes, one: *const program.Attribute, identified: ?u32) Error!u32 {
    if (one.kind == .header) {
        const path = try std.mem.concat(allocator, u8, &.{ attribute.header_prefix, one.name });
        return if (attribute.isHeader(path)) attributes.number(allocator, path) else attributes.raw(allocator, "");
    }
    // A number that is none of these is of a module that knows more.
    const known = known_attribute.known(one.number) orelse return error.Newer;
    if (known.form == .identity) return identified orelse error.NoIdentity;
    // As the host has it, not as selectors have it.
    const number = try attributes.raw(allocator, known.path);
    attributes.slots.items[number].form = known.form;
    return number;
}

fn read_(context: *anyopaque, work: *Work, one: *const program.Attribute) Spent!?*const Value {
    const attributes: *Attributes = @ptrCast(@alignCast(context));
    const slot = &attributes.slots.items[one.slot];
    if (slot.form == .identity) return try identity.of(attributes, one.slot, work);
    if (slot.made_request != attributes.request) {
        const before = .{ work.steps, work.bytes };
        slot.made = try made(attributes, work, one.slot, slot.form);
        slot.made_request = attributes.request;
        slot.made_for = .{ before[0] - work.steps, before[1] - work.bytes };
        slot.charged = evaluation;
    } else if (slot.charged != evaluation) {
        // An expression takes as much whatever was evaluated before, but nobody has spent that time again.
        try work.charge(slot.made_for[0], slot.made_for[1]);
        taken_before += slot.made_for[0];
        slot.charged = evaluation;
    }
    const found = if (slot.made) |*found| found else return null;
    if (found.* == .string) try work.over(found.string.len);
    return found;
}

/// An attribute as programs see it.
fn made(attributes: *Attributes, work: *Work, slot: u32, form: known_attribute.Form) Spent!?Value {
    if (form == .headers) return .{ .map = try headers(work) };
    const bytes = try attributes.get(slot) orelse return null;
    switch (form) {
        .text => {
            try work.through(bytes.len);
            return .{ .string = try text.valid(work, bytes) };
        },
        .boolean => return if (bytes.len == 1) .{ .bool = bytes[0] != 0 } else null,
        else => {},
    }
    if (bytes.len != 8) return null;
    const number = std.mem.readInt(i64, bytes[0..8], .little);
    return switch (form) {
        .integer => .{ .int = number },
        .unsigned => .{ .uint = @bitCast(number) },
        else => .{ .timestamp = Moment.of(number).? },
    };
}

/// All headers of the request, each with all of its values.
fn headers(work: *Work) Spent!*const value.Map {
    var places: Places = .{};
    var entries: Growing(value.Entry) = .{};
    for (try request_headers.all() orelse &.{}) |header| {
        try work.through(64 + header.name.len + header.value.len);
        if (try places.find(work, entries.items, header.name)) |number| {
            const before = entries.items[number].value.string;
            const joined = try work.allocate(u8, before.len + 1 + header.value.len);
            @memcpy(joined[0..before.len], before);
            joined[before.len] = ',';
            @memcpy(joined[before.len + 1 ..], header.value);
            entries.items[number].value = .{ .string = joined };
        } else {
            try entries.append(work, .{ .key = .{ .string = header.name }, .value = .{ .string = header.value } });
            try places.added(work, entries.items);
        }
    }
    for (entries.items) |*entry| {
        const found = try text.valid(work, entry.value.string);
        const name = try text.valid(work, entry.key.string);
        entry.* = .{ .key = .{ .string = name }, .value = .{ .string = found } };
    }
    return work.create(value.Map, .{ .entries = entries.items, .headers = true });
}
