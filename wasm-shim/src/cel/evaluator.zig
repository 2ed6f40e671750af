//! Evaluates programs, as CEL says: what fails is a value that `||`, `&&` and `?:` need not look at. The host is not asked here, what a request
//! has comes through `Attributes`.

const function = @import("function.zig");
const program_ = @import("program.zig");
const text = @import("text.zig");
const value = @import("value.zig");
const work_budget = @import("work_budget.zig");
const Growing = work_budget.Growing;
const Program = program_.Program;
const Range = @import("range.zig").Range;
const Reference = program_.Reference;
const Spent = work_budget.Spent;
const Truth = @import("truth.zig").Truth;
const Value = value.Value;
const Work = work_budget.Work;

/// What a request has.
pub const Attributes = struct {
    context: *anyopaque,
    /// The value of an attribute, which stays where it is for as long as the evaluation; `null` if there is none.
    read: *const fn (context: *anyopaque, work: *Work, attribute: *const program_.Attribute) Spent!?*const Value,
};

/// The value of `program`, which may be a failure.
pub fn evaluate(program: *const Program, attributes: Attributes, work: *Work) Spent!Value {
    var run: Evaluation = try .begin(program, attributes, work);
    return run.of(@intCast(program.nodes.len - 1));
}

/// What `program` says as a condition, without the way over its value.
pub fn condition(program: *const Program, attributes: Attributes, work: *Work) Spent!Truth {
    var run: Evaluation = try .begin(program, attributes, work);
    return run.truthOf(@intCast(program.nodes.len - 1));
}

const steps_of_node = 2;

const Evaluation = struct {
    program: *const Program,
    attributes: Attributes,
    work: *Work,
    kept: []?Value,
    locals: []Value,

    fn begin(program: *const Program, attributes: Attributes, work: *Work) Spent!Evaluation {
        const kept = try work.allocate(?Value, program.kept);
        @memset(kept, null);
        const locals = try work.allocate(Value, program.locals);
        @memset(locals, .fail(.no_value));
        return .{ .program = program, .attributes = attributes, .work = work, .kept = kept, .locals = locals };
    }

    /// As `of`, where only a condition is asked for.
    fn truthOf(run: *Evaluation, reference: Reference) Spent!Truth {
        const node = &run.program.nodes[reference];
        switch (node.*) {
            .both => |sides| return run.logic(sides, .no),
            .either => |sides| return run.logic(sides, .yes),
            .comparison => |*one| return run.comparison(one),
            .call => |one| if (one.function == .not) {
                try run.work.take(steps_of_node);
                return switch (try run.truthOf(one.arguments[0])) {
                    .no => .yes,
                    .yes => .no,
                    .neither => .fail(.no_overload),
                    else => |failed| failed,
                };
            },
            else => {},
        }
        return .ofValue(try run.of(reference));
    }

    fn of(run: *Evaluation, reference: Reference) Spent!Value {
        switch (run.program.nodes[reference]) {
            .both, .either, .comparison => return (try run.truthOf(reference)).asValue(),
            else => {},
        }
        try run.work.take(steps_of_node);
        return switch (run.program.nodes[reference]) {
            .constant => |constant| constant,
            .attribute => |number| if (try run.attribute(number)) |found| found.* else .fail(.no_attribute),
            .attribute_present => |number| .{ .bool = try run.attribute(number) != null },
            .attribute_optional => |number| .{ .optional = if (try run.attribute(number)) |found| try run.work.create(Value, found.*) else null },
            .local => |slot| run.locals[slot],
            .select => |named| run.select(named),
            .present => |named| run.present(named),
            .select_optional => |named| run.selectOptional(named),
            .both, .either, .comparison => unreachable,
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

    fn attribute(run: *Evaluation, number: u32) Spent!?*const Value {
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
    fn logic(run: *Evaluation, sides: [2]Reference, decisive: Truth) Spent!Truth {
        try run.work.take(steps_of_node);
        const left = try run.truthOf(sides[0]);
        if (left == decisive) return left;
        const right = try run.truthOf(sides[1]);
        if (right == decisive) return right;
        if (@backingInt(left) >= Truth.first_failure) return left;
        if (@backingInt(right) >= Truth.first_failure) return right;
        return if (left == .neither or right == .neither) .fail(.no_overload) else right;
    }

    /// A value and a text that stands in the program: most conditions are no more than that. It takes as many steps as if it were a call.
    fn comparison(run: *Evaluation, one: *const program_.Comparison) Spent!Truth {
        try run.work.take(2 * steps_of_node);
        var room: Value = undefined;
        const found: *const Value = switch (run.program.nodes[one.of]) {
            .attribute => |number| blk: {
                try run.work.take(steps_of_node);
                break :blk try run.attribute(number) orelse return .fail(.no_attribute);
            },
            else => blk: {
                room = try run.of(one.of);
                break :blk &room;
            },
        };
        return switch (found.*) {
            .string => |string| .of(switch (one.function) {
                .equal => try value.equalTexts(run.work, string, one.text),
                .not_equal => !try value.equalTexts(run.work, string, one.text),
                .starts_with => try text.startsWith(run.work, string, one.text),
                .ends_with => try text.endsWith(run.work, string, one.text),
                else => try text.find(run.work, string, one.text, 0) != null,
            }),
            .failure => |reason| .fail(reason),
            else => switch (one.function) {
                .equal => .no,
                .not_equal => .yes,
                else => .fail(.no_overload),
            },
        };
    }

    fn choice(run: *Evaluation, ways: [3]Reference) Spent!Value {
        return switch (try run.truthOf(ways[0])) {
            .yes => run.of(ways[1]),
            .no => run.of(ways[2]),
            .neither => .fail(.no_overload),
            else => |failed| failed.asValue(),
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
        const undecided: Truth = .of(!decisive);
        var result = undecided;
        while (range.next()) |item| {
            run.locals[loop.slot] = item;
            const found = try run.truthOf(loop.body);
            if (found == Truth.of(decisive)) return .{ .bool = decisive };
            if (result == undecided and found != undecided) result = if (found == .neither) .fail(.no_overload) else found;
        }
        return result.asValue();
    }

    fn existsOne(run: *Evaluation, loop: program_.Loop) Spent!Value {
        var range = try run.rangeOf(loop);
        if (range.failure) |reason| return .fail(reason);
        var count: usize = 0;
        while (range.next()) |item| {
            run.locals[loop.slot] = item;
            switch (try run.truthOf(loop.body)) {
                .yes => count += 1,
                .no => {},
                .neither => return .fail(.no_overload),
                else => |failed| return failed.asValue(),
            }
        }
        return .{ .bool = count == 1 };
    }

    fn mapped(run: *Evaluation, loop: program_.Loop, where: bool) Spent!Value {
        var range = try run.rangeOf(loop);
        if (range.failure) |reason| return .fail(reason);
        var result: Growing(Value) = .{};
        while (range.next()) |item| {
            run.locals[loop.slot] = item;
            if (where) switch (try run.truthOf(loop.where)) {
                .yes => {},
                .no => continue,
                .neither => return .fail(.no_overload),
                else => |failed| return failed.asValue(),
            };
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
        return switch (references.len) {
            0 => function.call(run.work, called, &.{}),
            1 => run.callWith(1, called, references),
            2 => run.callWith(2, called, references),
            3 => run.callWith(3, called, references),
            else => run.callWith(function.most_arguments, called, references),
        };
    }

    fn callWith(run: *Evaluation, comptime count: usize, called: function.Function, references: []const Reference) Spent!Value {
        var arguments: [count]Value = undefined;
        for (references[0..count], &arguments) |reference, *argument| argument.* = try run.of(reference);
        for (&arguments) |*argument| if (argument.* == .failure) return argument.*;
        return function.call(run.work, called, &arguments);
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
