//! Expressions that were compiled beforehand, evaluated here over the attributes of the present request.

const std = @import("std");
const attribute = @import("attribute.zig");
const evaluator = @import("cel/evaluator.zig");
const expression = @import("expression.zig");
const host = @import("host.zig");
const known_attribute = @import("known_attribute.zig");
const memory = @import("memory.zig");
const program = @import("cel/program.zig");
const text = @import("cel/text.zig");
const value = @import("cel/value.zig");
const Attributes = @import("attributes.zig").Attributes;
const Moment = @import("cel/moment.zig").Moment;
const Growing = @import("cel/work.zig").Growing;
const Spent = @import("cel/work.zig").Spent;
const Value = value.Value;
const Work = @import("cel/work.zig").Work;
const Allocator = std.mem.Allocator;

/// Some milliseconds at worst (benchmarks/expressions.py), and the memory that goes with it.
const most_steps = 100_000;
const most_bytes = 1024 * 1024;

pub const Own = struct {
    program: program.Program,

    /// What `encoded`, a program as base64, stands for.
    pub fn read(allocator: Allocator, attributes: *Attributes, encoded: []const u8) program.Error!Own {
        const decoder = std.base64.standard.Decoder;
        const bytes = try allocator.alloc(u8, decoder.calcSizeForSlice(encoded) catch return error.Malformed);
        decoder.decode(bytes, encoded) catch return error.Malformed;
        const found: program.Program = try .read(allocator, bytes);
        for (found.attributes) |*one| one.slot = try slotOf(allocator, attributes, one);
        return .{ .program = found };
    }

    pub fn holds(own: *const Own, attributes: *Attributes) expression.EvaluationError!bool {
        return switch (try own.evaluate(attributes)) {
            .bool => |truth| truth,
            else => error.Failed,
        };
    }

    pub fn asText(own: *const Own, attributes: *Attributes) expression.EvaluationError![]const u8 {
        return switch (try own.evaluate(attributes)) {
            .string => |found| found,
            else => error.Failed,
        };
    }

    fn evaluate(own: *const Own, attributes: *Attributes) expression.EvaluationError!Value {
        try expression.allow();
        var work: Work = .{ .allocator = memory.scratch, .steps = most_steps, .bytes = most_bytes };
        return evaluator.evaluate(&own.program, .{ .context = attributes, .read = read_ }, &work);
    }
};

fn slotOf(allocator: Allocator, attributes: *Attributes, one: *const program.Attribute) program.Error!u32 {
    if (one.kind == .header and !isPossible(one.name)) return 0;
    if (one.kind == .header) return attributes.number(allocator, try std.mem.concat(allocator, u8, &.{ attribute.header_prefix, one.name }));
    // A number that is none of these is of a module that knows more.
    const known = known_attribute.known(one.number) orelse return error.Newer;
    return switch (known.form) {
        .headers => 0,
        // As the host has it, not as selectors have it.
        else => attributes.raw(allocator, known.path),
    };
}

fn read_(context: *anyopaque, work: *Work, one: *const program.Attribute) Spent!?Value {
    const attributes: *Attributes = @ptrCast(@alignCast(context));
    if (one.kind == .header and !isPossible(one.name)) return null;
    const form = if (one.kind == .header) known_attribute.Form.text else known_attribute.known(one.number).?.form;
    if (form == .headers) return .{ .map = try headers(attributes, work) };
    const bytes = try attributes.get(one.slot) orelse return null;
    switch (form) {
        .text => {
            try work.over(bytes.len);
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

/// Whether a request can have a header of this name: the host would take the path of another one for something else.
fn isPossible(name: []const u8) bool {
    return name.len > 0 and std.mem.findScalar(u8, name, 0) == null;
}

/// All headers of the request, each with all of its values.
fn headers(attributes: *Attributes, work: *Work) Spent!*const value.Map {
    if (attributes.headers_request == attributes.request) return attributes.headers.?;
    var places: std.StringHashMapUnmanaged(usize) = .empty;
    var entries: Growing(value.Entry) = .{};
    var each: host.Pairs = .init(try host.requestHeaders() orelse "");
    while (each.next()) |header| {
        try work.over(64 + header.name.len + header.value.len);
        const place = try places.getOrPut(work.allocator, header.name);
        if (!place.found_existing) {
            place.value_ptr.* = entries.items.len;
            try entries.append(work, .{ .key = .{ .string = header.name }, .value = .{ .string = header.value } });
            if (std.mem.eql(u8, header.name, ":authority")) try entries.append(work, .{ .key = .{ .string = "host" }, .value = .{ .string = header.value } });
        } else {
            const before = entries.items[place.value_ptr.*].value.string;
            const joined = try work.allocate(u8, before.len + 1 + header.value.len);
            @memcpy(joined[0..before.len], before);
            joined[before.len] = ',';
            @memcpy(joined[before.len + 1 ..], header.value);
            entries.items[place.value_ptr.*].value = .{ .string = joined };
        }
    }
    for (entries.items) |*entry| {
        const found = try text.valid(work, entry.value.string);
        const name = try text.valid(work, entry.key.string);
        entry.* = .{ .key = .{ .string = name }, .value = .{ .string = found } };
    }
    attributes.headers = try work.create(value.Map, .{ .entries = entries.items, .headers = true });
    attributes.headers_request = attributes.request;
    return attributes.headers.?;
}
