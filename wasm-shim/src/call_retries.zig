//! Calls of which nothing could be sent: they are tried again until their time is over.
//!
//! While calls to a service wait, one of them at a time is tried, and new ones wait with them: a service that is away costs a call for
//! each tick and not one for each request. The first answer lets all of them go.

const std = @import("std");
const clock = @import("clock.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");

/// Whether the host says, beside the status `unavailable`, that nothing of the call has reached the service: Envoy had nobody to send
/// it to, no connection came about, or the service says itself that it has not looked at it (RFC 9113, 8.7). It is tried again then.
/// Of a connection that broke nobody knows what has been counted: it follows the failure mode, as everything else does.
pub fn wasNotSent(message: []const u8) bool {
    if (std.mem.startsWith(u8, message, "no healthy upstream")) return true;
    const introduction = "reset reason: ";
    const reason = message[(std.mem.find(u8, message, introduction) orelse return false) + introduction.len ..];
    const reasons = [_][]const u8{
        "remote connection failure", "local connection failure",    "connection failure",
        "connection timeout",        "remote refused stream reset", "overflow",
    };
    for (reasons) |one| if (std.mem.startsWith(u8, reason, one)) return true;
    return false;
}

test "what was not sent" {
    const connect = "upstream connect error or disconnect/reset before headers. reset reason: ";
    try std.testing.expect(wasNotSent("no healthy upstream{no_healthy_upstream}"));
    try std.testing.expect(wasNotSent(connect ++ "remote connection failure{upstream_reset_before_response_started{...}}"));
    try std.testing.expect(wasNotSent(connect ++ "remote connection failure, transport failure reason: delayed connect error: 111"));
    try std.testing.expect(wasNotSent(connect ++ "connection timeout"));
    try std.testing.expect(!wasNotSent(connect ++ "connection termination{...}"));
    try std.testing.expect(!wasNotSent(connect ++ "remote reset"));
    try std.testing.expect(!wasNotSent("upstream request timeout{response_timeout}"));
    try std.testing.expect(!wasNotSent("connection timeout"));
    try std.testing.expect(!wasNotSent(""));
}

/// How often they are looked at. A service that is back is found this soon.
const period_ms = 20;

/// So long a request waits for a service that cannot be reached, if it can go on without an answer.
const patience_ns = 100 * std.time.ns_per_ms;

/// What the calls to one service have in common.
pub const Reach = struct {
    waiting: u32 = 0,
    /// One that waited is being tried.
    trying: bool = false,

    /// Whether a new call has to wait with the others.
    pub fn isLost(reach: Reach) bool {
        return reach.trying or reach.waiting > 0;
    }
};

/// A stream's part in it.
pub const Member = struct {
    stream: u32,
    root: u32,
    reach: *Reach = undefined,
    /// By `clock`, of the call that it is about to make.
    began: u64 = 0,
    deadline: u64 = 0,
    /// It goes on without an answer.
    can_do_without: bool = false,
    /// Where it waits.
    list: ?*std.DoublyLinkedList = null,
    node: std.DoublyLinkedList.Node = .{},
    /// It is the one that is being tried.
    trying: bool = false,

    /// A call to another service begins.
    pub fn begin(member: *Member, reach: *Reach, timeout_ms: u32, can_do_without: bool) void {
        member.reach = reach;
        member.began = clock.nanoseconds();
        member.deadline = member.began + @as(u64, timeout_ms) * std.time.ns_per_ms;
        member.can_do_without = can_do_without;
    }

    /// What is left of the call's time, at least 1.
    pub fn remainingMs(member: *const Member) u32 {
        return @intCast(@max((member.deadline -| clock.nanoseconds()) / std.time.ns_per_ms, 1));
    }

    /// Nothing of the call was sent. The stream is the effective context.
    pub fn wait(member: *Member) error{OutOfMemory}!void {
        try startTicking(member.root);
        member.leave();
        member.enter(&waiting);
        member.reach.waiting += 1;
    }

    /// When it is given up.
    fn end(member: *const Member) u64 {
        return if (member.can_do_without) @min(member.deadline, member.began + patience_ns) else member.deadline;
    }

    /// In the order of the deadlines; nearly always the end.
    fn enter(member: *Member, list: *std.DoublyLinkedList) void {
        var before = list.last;
        while (before) |node| : (before = node.prev) {
            if (of(node).deadline <= member.deadline) break;
        }
        if (before) |node| list.insertAfter(node, &member.node) else list.prepend(&member.node);
        member.list = list;
    }

    /// It waits no more, and is not tried.
    pub fn leave(member: *Member) void {
        if (member.list) |list| {
            list.remove(&member.node);
            member.list = null;
            member.reach.waiting -= 1;
        }
        if (member.trying) {
            member.trying = false;
            member.reach.trying = false;
        }
    }
};

fn of(node: *std.DoublyLinkedList.Node) *Member {
    return @alignCast(@fieldParentPtr("node", node));
}

var waiting: std.DoublyLinkedList = .{};
/// Those that the present round has not looked at yet.
var round: std.DoublyLinkedList = .{};
/// Root contexts that are called from time to time.
var ticking: std.array_hash_map.Auto(u32, void) = .empty;

/// The next one that is due, out of the list and with its stream as the effective context; `null` when the round is over.
pub const Round = struct {
    /// The one service that can be reached; `null` while none is known to be.
    reached: ?*const Reach,
    now: u64,

    pub const Turn = union(enum) { over: *Member, call: *Member };

    pub fn begin(reached: ?*const Reach) Round {
        // What a former round had left, of which a callback in between would be the reason, is looked at, too.
        while (waiting.popFirst()) |node| {
            of(node).list = null;
            of(node).enter(&round);
        }
        return .{ .reached = reached, .now = clock.nanoseconds() };
    }

    pub fn next(self: Round) ?Turn {
        while (round.popFirst()) |node| {
            const member = of(node);
            member.list = null;
            if (self.reached) |reach| {
                if (member.reach == reach) return .{ .call = taken(member) };
            } else if (member.end() <= self.now) {
                return .{ .over = taken(member) };
            } else if (!member.reach.trying) {
                _ = taken(member);
                member.trying = true;
                member.reach.trying = true;
                return .{ .call = member };
            }
            member.enter(&waiting);
        }
        return null;
    }

    fn taken(member: *Member) *Member {
        member.reach.waiting -= 1;
        host.setEffectiveContext(member.stream);
        return member;
    }
};

/// The stream of `root` or that root is the effective context.
pub fn startTicking(root: u32) error{OutOfMemory}!void {
    try ticking.ensureUnusedCapacity(memory.lasting, 1);
    if (ticking.contains(root)) return;
    host.setTickPeriod(period_ms);
    ticking.putAssumeCapacity(root, {});
}

/// A round of a tick is over. `root` is called again only if somebody waits, or it `is_probing`.
pub fn rest(root: u32, is_probing: bool) void {
    if (waiting.first != null or is_probing) return;
    host.setEffectiveContext(root);
    host.setTickPeriod(0);
    _ = ticking.swapRemove(root);
}

pub fn forgetRoot(root: u32) void {
    _ = ticking.swapRemove(root);
}
