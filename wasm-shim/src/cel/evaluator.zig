//! Evaluates programs, as CEL says: what fails is a value that `||`, `&&` and `?:` need not look at. The host is not asked here, what a request
//! has comes through `Attributes`.

const std = @import("std");
const function = @import("function.zig");
const program_ = @import("program.zig");
const text = @import("text.zig");
const value = @import("value.zig");
const work_ = @import("work.zig");
const Growing = work_.Growing;
const Program = program_.Program;
const Reference = program_.Reference;
const Spent = work_.Spent;
const Value = value.Value;
const Work = work_.Work;

/// What a request has.
pub const Attributes = struct {
    context: *anyopaque,
    /// The value of an attribute; `null` if there is none.
    read: *const fn (context: *anyopaque, work: *Work, attribute: *const program_.Attribute) Spent!?Value,
};

/// The value of `program`, which may be a failure.
pub fn evaluate(program: *const Program, attributes: Attributes, work: *Work) Spent!Value {
    const kept = try work.allocate(?Value, program.kept);
    @memset(kept, null);
    const locals = try work.allocate(Value, program.locals);
    @memset(locals, .fail(.no_value));
    var evaluation: Evaluation = .{ .program = program, .attributes = attributes, .work = work, .kept = kept, .locals = locals };
    return evaluation.of(@intCast(program.nodes.len - 1));
}

const Evaluation = struct {
    program: *const Program,
    attributes: Attributes,
    work: *Work,
    kept: []?Value,
    locals: []Value,

    fn of(run: *Evaluation, reference: Reference) Spent!Value {
        try run.work.take(1);
        return switch (run.program.nodes[reference]) {
            .constant => |constant| constant,
            .attribute => |number| try run.attribute(number) orelse .fail(.no_attribute),
            .attribute_present => |number| .{ .bool = try run.attribute(number) != null },
            .attribute_optional => |number| .{ .optional = if (try run.attribute(number)) |found| try run.work.create(Value, found) else null },
            .local => |slot| run.locals[slot],
            .select => |named| run.select(named),
            .present => |named| run.present(named),
            .select_optional => |named| run.selectOptional(named),
            .both => |sides| run.logic(sides, false),
            .either => |sides| run.logic(sides, true),
            .choice => |ways| run.choice(ways),
            .list => |items| run.list(items),
            .map => |pairs| run.map(pairs),
            .all => |loop| run.search(loop, false),
            .exists => |loop| run.search(loop, true),
            .exists_one => |loop| run.existsOne(loop),
            .mapped => |loop| run.mapped(loop, false),
            .mapped_where => |loop| run.mapped(loop, true),
            .let => |loop| run.let(loop),
            .keep => |kept| run.keep(kept.of, kept.place),
            .call => |one| run.call(one.function, one.arguments),
            .matches => |one| run.matches(one.of, one.pattern),
            .or_optional => |sides| run.orElse(sides, false),
            .or_value => |sides| run.orElse(sides, true),
        };
    }

    fn attribute(run: *Evaluation, number: u32) Spent!?Value {
        return run.attributes.read(run.attributes.context, run.work, &run.program.attributes[number]);
    }

    fn select(run: *Evaluation, named: program_.Named) Spent!Value {
        const container = try run.of(named.of);
        return switch (container) {
            .failure => container,
            .map, .optional => run.member(container, named.name),
            else => .fail(.no_overload),
        };
    }

    fn member(run: *Evaluation, container: Value, name: []const u8) Spent!Value {
        if (container == .optional) if (container.optional) |inner| if (inner.* != .map) return .fail(.no_overload);
        return function.index(run.work, container, .{ .string = name });
    }

    fn present(run: *Evaluation, named: program_.Named) Spent!Value {
        var container = try run.of(named.of);
        if (container == .optional) container = (container.optional orelse return .{ .bool = false }).*;
        return switch (container) {
            .failure => container,
            .map => |found| .{ .bool = try found.find(run.work, .{ .string = named.name }) != null },
            else => .fail(.no_overload),
        };
    }

    fn selectOptional(run: *Evaluation, named: program_.Named) Spent!Value {
        const container = try run.of(named.of);
        const inner = if (container == .optional) (container.optional orelse return container).* else container;
        return switch (inner) {
            .failure => inner,
            .map => function.optionalIndex(run.work, inner, .{ .string = named.name }),
            else => .fail(.no_overload),
        };
    }

    /// `||`, which is `decisive` when one side is true, or `&&` when one is false, whatever the other is.
    fn logic(run: *Evaluation, sides: [2]Reference, decisive: bool) Spent!Value {
        const left = try run.of(sides[0]);
        if (left == .bool and left.bool == decisive) return left;
        const right = try run.of(sides[1]);
        if (right == .bool and right.bool == decisive) return right;
        if (left == .failure) return left;
        if (right == .failure) return right;
        return if (left == .bool and right == .bool) right else .fail(.no_overload);
    }

    fn choice(run: *Evaluation, ways: [3]Reference) Spent!Value {
        const condition = try run.of(ways[0]);
        return switch (condition) {
            .failure => condition,
            .bool => |truth| run.of(ways[if (truth) 1 else 2]),
            else => .fail(.no_overload),
        };
    }

    fn list(run: *Evaluation, items: []const program_.Item) Spent!Value {
        const values = try run.work.allocate(Value, items.len);
        var count: usize = 0;
        for (items) |item| {
            var found = try run.of(item.node);
            if (found == .failure) return found;
            if (item.optional) {
                if (found != .optional) return .fail(.no_overload);
                found = (found.optional orelse continue).*;
            }
            values[count] = found;
            count += 1;
        }
        return .{ .list = values[0..count] };
    }

    fn map(run: *Evaluation, pairs: []const program_.Pair) Spent!Value {
        const entries = try run.work.allocate(value.Entry, pairs.len);
        const result = try run.work.create(value.Map, .{ .entries = entries[0..0] });
        for (pairs) |pair| {
            const key = try run.of(pair.key);
            if (key == .failure) return key;
            if (!value.isKey(key)) return .fail(.no_overload);
            var found = try run.of(pair.value);
            if (found == .failure) return found;
            if (pair.optional) {
                if (found != .optional) return .fail(.no_overload);
                found = (found.optional orelse continue).*;
            }
            if (try result.has(run.work, key)) return .fail(.repeated_key);
            entries[result.entries.len] = .{ .key = key, .value = found };
            result.entries = entries[0 .. result.entries.len + 1];
        }
        return .{ .map = result };
    }

    fn rangeOf(run: *Evaluation, loop: program_.Loop) Spent!Range {
        return switch (try run.of(loop.range)) {
            .list => |items| .{ .items = items },
            .map => |of_map| .{ .entries = of_map.entries },
            .failure => |reason| .{ .failure = reason },
            else => .{ .failure = .no_overload },
        };
    }

    /// Whether one is true, or all are; `decisive` is what ends it.
    fn search(run: *Evaluation, loop: program_.Loop, decisive: bool) Spent!Value {
        var range = try run.rangeOf(loop);
        if (range.failure) |reason| return .fail(reason);
        var result: Value = .{ .bool = !decisive };
        while (range.next()) |item| {
            run.locals[loop.slot] = item;
            const found = try run.of(loop.body);
            if (found == .bool and found.bool == decisive) return found;
            if (result == .failure) continue;
            if (found != .bool) result = if (found == .failure) found else .fail(.no_overload);
        }
        return result;
    }

    fn existsOne(run: *Evaluation, loop: program_.Loop) Spent!Value {
        var range = try run.rangeOf(loop);
        if (range.failure) |reason| return .fail(reason);
        var count: usize = 0;
        while (range.next()) |item| {
            run.locals[loop.slot] = item;
            const found = try run.of(loop.body);
            if (found == .failure) return found;
            if (found != .bool) return .fail(.no_overload);
            count += @intFromBool(found.bool);
        }
        return .{ .bool = count == 1 };
    }

    fn mapped(run: *Evaluation, loop: program_.Loop, where: bool) Spent!Value {
        var range = try run.rangeOf(loop);
        if (range.failure) |reason| return .fail(reason);
        var result: Growing(Value) = .{};
        while (range.next()) |item| {
            run.locals[loop.slot] = item;
            if (where) {
                const wanted = try run.of(loop.where);
                if (wanted == .failure) return wanted;
                if (wanted != .bool) return .fail(.no_overload);
                if (!wanted.bool) continue;
            }
            const found = try run.of(loop.body);
            if (found == .failure) return found;
            try result.append(run.work, found);
        }
        return .{ .list = result.items };
    }

    fn let(run: *Evaluation, loop: program_.Loop) Spent!Value {
        run.locals[loop.slot] = try run.of(loop.range);
        return run.of(loop.body);
    }

    fn keep(run: *Evaluation, reference: Reference, place: u32) Spent!Value {
        if (run.kept[place]) |found| return found;
        const found = try run.of(reference);
        run.kept[place] = found;
        return found;
    }

    fn call(run: *Evaluation, called: function.Function, references: []const Reference) Spent!Value {
        var arguments: [function.most_arguments]Value = undefined;
        for (references, arguments[0..references.len]) |reference, *argument| {
            argument.* = try run.of(reference);
        }
        for (arguments[0..references.len]) |argument| if (argument == .failure) return argument;
        return function.call(run.work, called, arguments[0..references.len]);
    }

    fn matches(run: *Evaluation, reference: Reference, one: *const @import("pattern.zig").Pattern) Spent!Value {
        const subject = try run.of(reference);
        return switch (subject) {
            .failure => subject,
            .string => |string| .{ .bool = try one.matches(run.work, string) },
            else => .fail(.no_overload),
        };
    }

    /// What is there, or what is to be there instead.
    fn orElse(run: *Evaluation, sides: [2]Reference, whole: bool) Spent!Value {
        const first = try run.of(sides[0]);
        if (first == .failure) return first;
        if (first != .optional) return .fail(.no_overload);
        if (first.optional) |inner| return if (whole) inner.* else first;
        const second = try run.of(sides[1]);
        if (second != .failure and !whole and second != .optional) return .fail(.no_overload);
        return second;
    }
};

/// What a repetition goes through: the items of a list, the keys of a map.
const Range = struct {
    items: []const Value = &.{},
    entries: []const value.Entry = &.{},
    failure: ?value.Failure = null,
    index: usize = 0,

    fn next(range: *Range) ?Value {
        defer range.index += 1;
        if (range.index < range.items.len) return range.items[range.index];
        return if (range.index < range.entries.len) range.entries[range.index].key else null;
    }
};
