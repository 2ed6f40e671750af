//! The parameters of a query as a map, as Kuadrant's own filter makes it: `queryMap(request.query)`.

const std = @import("std");
const Places = @import("places.zig").Places;
const value = @import("value.zig");
const work_budget = @import("work_budget.zig");
const Growing = work_budget.Growing;
const Spent = work_budget.Spent;
const Value = value.Value;
const Work = work_budget.Work;

/// Of a name that comes more than once the first value counts; with `repeats` its values are a list.
pub fn queryMap(work: *Work, query: []const u8, repeats: bool) Spent!Value {
    var entries: Growing(value.Entry) = .{};
    var places: Places = .{};
    var parameters = std.mem.splitScalar(u8, query, '&');
    while (parameters.next()) |parameter| {
        var pieces = std.mem.splitScalar(u8, parameter, '=');
        const name = try decoded(work, pieces.first());
        // What a second `=` parts from the value is lost there, too.
        const text = try decoded(work, pieces.next() orelse "");
        try work.take(8);
        const place = try places.find(work, entries.items, name);
        if (place == null) {
            try entries.append(work, .{ .key = .{ .string = name }, .value = .{ .string = text } });
            try places.added(work, entries.items);
        } else if (repeats) {
            const number = place.?;
            const longer = try extended(work, entries.items[number].value, text);
            entries.items[number].value = .{ .list = longer };
        }
    }
    return .{ .map = try work.create(value.Map, .{ .entries = entries.items }) };
}

fn extended(work: *Work, before: Value, text: []const u8) Spent![]const Value {
    const count = if (before == .list) before.list.len else 1;
    try work.take(count);
    const result = try work.allocate(Value, count + 1);
    if (before == .list) @memcpy(result[0..count], before.list) else result[0] = before;
    result[count] = .{ .string = text };
    return result;
}

/// `text` with each `%41` as its byte; as it is if that gives no UTF-8.
fn decoded(work: *Work, text: []const u8) Spent![]const u8 {
    try work.through(text.len);
    if (std.mem.findScalar(u8, text, '%') == null) return text;
    const result = try work.allocate(u8, text.len);
    try work.take(text.len / 2);
    var length: usize = 0;
    var index: usize = 0;
    while (index < text.len) : (length += 1) {
        result[length] = text[index];
        index += 1;
        if (text[index - 1] != '%' or index + 2 > text.len) continue;
        const high = std.fmt.charToDigit(text[index], 16) catch continue;
        const low = std.fmt.charToDigit(text[index + 1], 16) catch continue;
        result[length] = high * 16 + low;
        index += 2;
    }
    return if (std.unicode.utf8ValidateSlice(result[0..length])) result[0..length] else text;
}

test "parameters" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    var work: Work = .{ .allocator = arena.allocator(), .steps = 10_000, .bytes = 100_000 };
    const found = (try queryMap(&work, "a=1&b=%41%zz&a=2&c", false)).map.entries;
    try std.testing.expectEqual(3, found.len);
    try std.testing.expectEqualStrings("1", found[0].value.string);
    try std.testing.expectEqualStrings("A%zz", found[1].value.string);
    try std.testing.expectEqualStrings("", found[2].value.string);
    const repeated = (try queryMap(&work, "a=1&a=2&a=3", true)).map.entries;
    try std.testing.expectEqual(3, repeated[0].value.list.len);
}
