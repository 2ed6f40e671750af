//! Answers that deny, by their questions, for as long as they hold: in a table of a fixed size.
//!
//! A question is known by its service, which is another one with each configuration, and its bytes; where these are too long by their
//! SHA-256: nobody can find two that have the same, so nobody gets an answer to a question that he has not asked. Where there is no room
//! for one more the one goes that ends first: what is forgotten is asked for.

const std = @import("std");
const hash = @import("text_table.zig").hash;
const Term = @import("denial_term.zig").Term;
const Allocator = std.mem.Allocator;
const Sha256 = std.crypto.hash.sha2.Sha256;
const Digest = [Sha256.digest_length]u8;

/// Of a question, or its digest, and its answer. A longer answer is not kept.
const room_of_each = 952;
pub const longest_answer = room_of_each - Sha256.digest_length;

const ways = 4;
const sets = 512;

/// When one that goes on to hold is asked for again, by the first who comes: all others need not wait for what he is told.
const renewed_after_ms = 600;

pub const Question = struct { service: u64, message: []const u8 };

/// So many requests were given this answer of which the service has not been told yet.
pub const Given = struct { times: u32 = 0, answer: []const u8 = "" };

/// What is known of a question now.
pub const Found = union(enum) {
    /// It has to be asked. To others than who is told this the answer may go on to be known meanwhile.
    ask: Given,
    /// The answer, and how long ago it came.
    answer: struct { bytes: []const u8, passed_ms: u64 },
};

const Slot = struct {
    service: u64 = 0,
    hash: u64 = 0,
    /// The times are of the host's clock, which may be set: what lies before its own beginning is not known any more.
    sent: u64 = 0,
    came: u64 = 0,
    until: u64 = 0,
    due: u64 = 0,
    given: u32 = 0,
    /// Of the question as it is known here, and of the answer behind it.
    known: u16 = 0,
    by_digest: bool = false,
    length: u16 = 0,
    bytes: [room_of_each]u8 = undefined,

    fn answer(slot: *const Slot) []const u8 {
        return slot.bytes[slot.known..][0..slot.length];
    }

    /// What it would know of the question.
    fn knows(slot: *const Slot, question: Question, digest: *Digest) []const u8 {
        if (!slot.by_digest) return question.message;
        Sha256.hash(question.message, digest, .{});
        return digest;
    }

    fn isOver(slot: *const Slot, now: u64) bool {
        return now < slot.sent or slot.until <= now;
    }
};

pub const Denials = struct {
    slots: []Slot = &.{},

    /// Whether anything was ever kept: until then nothing has to be looked for.
    pub fn isUsed(denials: *const Denials) bool {
        return denials.slots.len > 0;
    }

    pub fn find(denials: *const Denials, question: Question, now: u64) Found {
        const slot = denials.slotOf(question) orelse return .{ .ask = .{} };
        if (slot.isOver(now) or slot.due <= now) {
            slot.due = slot.until;
            defer slot.given = 0;
            return .{ .ask = .{ .times = slot.given, .answer = slot.answer() } };
        }
        slot.given +|= 1;
        return .{ .answer = .{ .bytes = slot.answer(), .passed_ms = (now -| slot.came) / std.time.ns_per_ms } };
    }

    /// Keeps an answer whose question was sent at that time: its term began no earlier.
    pub fn keep(denials: *Denials, allocator: Allocator, question: Question, answer: []const u8, term: Term, sent: u64, now: u64) error{OutOfMemory}!void {
        const until = sent + @as(u64, term.milliseconds) * std.time.ns_per_ms;
        if (answer.len > longest_answer or until <= now) return denials.forget(question);
        if (!denials.isUsed()) {
            denials.slots = try allocator.alloc(Slot, ways * sets);
            @memset(std.mem.sliceAsBytes(denials.slots), 0);
        }
        const slot = denials.slotOf(question) orelse blk: {
            const other = denials.room(question, now);
            other.given = 0;
            break :blk other;
        };
        slot.service = question.service;
        slot.hash = hash(question.message);
        var digest: Digest = undefined;
        slot.by_digest = question.message.len + answer.len > room_of_each;
        const known = slot.knows(question, &digest);
        slot.known = @intCast(known.len);
        @memcpy(slot.bytes[0..known.len], known);
        slot.sent = sent;
        slot.came = now;
        slot.until = until;
        slot.due = if (term.goesOn()) sent + renewed_after_ms * std.time.ns_per_ms else until;
        slot.length = @intCast(answer.len);
        @memcpy(slot.bytes[known.len..][0..answer.len], answer);
    }

    /// The service has answered otherwise.
    pub fn forget(denials: *const Denials, question: Question) void {
        const slot = denials.slotOf(question) orelse return;
        // How often it was given is still to be told.
        slot.until = 1;
    }

    fn setOf(denials: *const Denials, question: Question) []Slot {
        const number: usize = @intCast(hash(question.message) % sets);
        return denials.slots[number * ways ..][0..ways];
    }

    fn slotOf(denials: *const Denials, question: Question) ?*Slot {
        if (!denials.isUsed()) return null;
        const wanted = hash(question.message);
        for (denials.setOf(question)) |*slot| {
            if (slot.until == 0 or slot.hash != wanted or slot.service != question.service) continue;
            var digest: Digest = undefined;
            if (std.mem.eql(u8, slot.knows(question, &digest), slot.bytes[0..slot.known])) return slot;
        }
        return null;
    }

    fn room(denials: *const Denials, question: Question, now: u64) *Slot {
        const set = denials.setOf(question);
        var first = &set[0];
        for (set) |*slot| {
            if (slot.isOver(now)) return slot;
            if (slot.until < first.until) first = slot;
        }
        return first;
    }
};

const testing = std.testing;
const ms = std.time.ns_per_ms;
const beginning = 1_700_000_000 * std.time.ns_per_s;

fn at(milliseconds: u64) u64 {
    return beginning + milliseconds * ms;
}

fn expectAsked(times: u32, found: Found) !void {
    try testing.expectEqual(times, found.ask.times);
}

fn freed(denials: *Denials) void {
    testing.allocator.free(denials.slots);
}

test "an answer is known until its term is over, and never longer" {
    var denials: Denials = .{};
    defer freed(&denials);
    const question: Question = .{ .service = 1, .message = "who" };
    try expectAsked(0, denials.find(question, at(0)));
    // It came 40 ms after it was asked for: the term began somewhere between.
    try denials.keep(testing.allocator, question, "no", .{ .milliseconds = 300 }, at(0), at(40));
    const found = denials.find(question, at(299)).answer;
    try testing.expectEqualStrings("no", found.bytes);
    try testing.expectEqual(259, found.passed_ms);
    try expectAsked(1, denials.find(question, at(300)));
}

test "another question, or the same of another configuration, is not known" {
    var denials: Denials = .{};
    defer freed(&denials);
    try denials.keep(testing.allocator, .{ .service = 1, .message = "who" }, "no", .{ .milliseconds = 300 }, at(0), at(0));
    try expectAsked(0, denials.find(.{ .service = 1, .message = "whom" }, at(1)));
    try expectAsked(0, denials.find(.{ .service = 2, .message = "who" }, at(1)));
    // However long they are.
    const long: [room_of_each]u8 = @splat('w');
    try denials.keep(testing.allocator, .{ .service = 1, .message = &long }, "long", .{ .milliseconds = 300 }, at(0), at(0));
    try testing.expectEqualStrings("long", denials.find(.{ .service = 1, .message = &long }, at(1)).answer.bytes);
    var other = long;
    other[room_of_each - 1] = 'h';
    try expectAsked(0, denials.find(.{ .service = 1, .message = &other }, at(1)));
}

test "one that goes on to hold is asked for once more before it ends" {
    var denials: Denials = .{};
    defer freed(&denials);
    const question: Question = .{ .service = 1, .message = "who" };
    for ([_]u64{ 0, 601, 1202 }) |sent| {
        try denials.keep(testing.allocator, question, "no", .{ .milliseconds = 1000 }, at(sent), at(sent + 1));
        try testing.expect(denials.find(question, at(sent + 599)) == .answer);
        try expectAsked(if (sent == 0) 1 else 2, denials.find(question, at(sent + 600)));
        try testing.expect(denials.find(question, at(sent + 600)) == .answer);
    }
    try expectAsked(1, denials.find(question, at(2202)));
    // One whose end is known needs not.
    try denials.keep(testing.allocator, question, "no", .{ .milliseconds = 900 }, at(3000), at(3000));
    try testing.expect(denials.find(question, at(3899)) == .answer);
}

test "an answer that comes after its term, or is too long, is not kept" {
    var denials: Denials = .{};
    defer freed(&denials);
    const question: Question = .{ .service = 1, .message = "who" };
    try denials.keep(testing.allocator, question, "no", .{ .milliseconds = 1000 }, at(0), at(1));
    try denials.keep(testing.allocator, question, "no", .{ .milliseconds = 30 }, at(2), at(32));
    try expectAsked(0, denials.find(question, at(33)));
    try denials.keep(testing.allocator, question, &@as([longest_answer + 1]u8, @splat('n')), .{ .milliseconds = 30 }, at(40), at(41));
    try expectAsked(0, denials.find(question, at(42)));
}

test "what the service answers otherwise is forgotten" {
    var denials: Denials = .{};
    defer freed(&denials);
    const question: Question = .{ .service = 1, .message = "who" };
    try denials.keep(testing.allocator, question, "no", .{ .milliseconds = 1000 }, at(0), at(1));
    _ = denials.find(question, at(1));
    denials.forget(question);
    try expectAsked(1, denials.find(question, at(2)));
    try expectAsked(0, denials.find(question, at(2)));
}

test "a clock that goes back keeps nobody out" {
    var denials: Denials = .{};
    defer freed(&denials);
    const question: Question = .{ .service = 1, .message = "who" };
    try denials.keep(testing.allocator, question, "no", .{ .milliseconds = 1000 }, at(5000), at(5001));
    try expectAsked(0, denials.find(question, at(4999)));
}

test "however many there are, the table stays as large, and the last ones are known" {
    var denials: Denials = .{};
    defer freed(&denials);
    var buffer: [20]u8 = undefined;
    var known: usize = 0;
    for (0..20_000) |number| {
        const message = try std.fmt.bufPrint(&buffer, "{d}", .{number});
        try denials.keep(testing.allocator, .{ .service = 1, .message = message }, message, .{ .milliseconds = 1000 }, at(number), at(number));
    }
    for (0..20_000) |number| {
        const message = try std.fmt.bufPrint(&buffer, "{d}", .{number});
        switch (denials.find(.{ .service = 1, .message = message }, at(19_999))) {
            .answer => |found| {
                try testing.expectEqualStrings(message, found.bytes);
                known += 1;
            },
            else => {},
        }
    }
    try testing.expectEqual(ways * sets, denials.slots.len);
    try testing.expect(known > 500);
}
