//! What tenants' expressions take of this worker, beyond what any request costs: nobody else is to wait for it long.
//!
//! Who has taken too much has no expression evaluated until he has paid it back, by time that passes. A tenant is the namespace that owns
//! a scope. Requests up to `small` are on an account of their own: by large ones, which clients choose, they are never held up.

const std = @import("std");
const clock = @import("clock.zig");
const memory = @import("memory.zig");
const TextTable = @import("text_table.zig").TextTable;

pub const Class = enum { small, large };

/// Of the headers of a small request, in bytes.
const small = 4096;

pub fn classOf(headers: usize) Class {
    return if (headers <= small) .small else .large;
}

/// Nanoseconds: what the expressions of a request may take that is not put down, and how much somebody may owe.
const Terms = struct { free: u64, most: u64, one_in: u64 };

/// One part in so many of the time that passes pays debts. For small requests it is generous: the clock goes on while the worker is held
/// up by others, and honest tenants must not owe for that.
fn termsOf(class: Class) Terms {
    return switch (class) {
        .small => .{ .free = 2_000_000, .most = 500_000_000, .one_in = 10 },
        .large => .{ .free = 1_000_000, .most = 50_000_000, .one_in = 200 },
    };
}

/// What a large request may take before no further expression is evaluated for it. A worker that stands still for a second fails the
/// gateway's readiness, on a machine that is busy otherwise.
const longest = 50_000_000;

const Debt = struct {
    amount: u64 = 0,
    /// Until when it is paid back.
    at: u64 = 0,

    fn settle(debt: *Debt, class: Class, now: u64) void {
        debt.amount -|= (now -| debt.at) / termsOf(class).one_in;
        debt.at = now;
    }
};

const Account = struct {
    small: Debt = .{},
    large: Debt = .{},

    fn of(account: *Account, class: Class) *Debt {
        return switch (class) {
            .small => &account.small,
            .large => &account.large,
        };
    }
};

/// Of those who owe something, by name. There are no more than there are namespaces with policies, as long as one looks after it.
var accounts: TextTable(Account) = .empty;
const most_accounts = 1024;

pub fn tenantOf(scope: []const u8) []const u8 {
    return scope[0 .. std.mem.findScalar(u8, scope, '/') orelse scope.len];
}

/// Whether there is an account of the tenant: of one who owes nothing nothing has to be known.
pub fn has(tenant: []const u8) bool {
    return accounts.count() > 0 and accounts.contains(tenant);
}

/// Whether expressions of the tenant may be evaluated for a request now.
pub fn may(tenant: []const u8, class: Class, now: u64) bool {
    const account = accounts.getPtr(tenant) orelse return true;
    const debt = account.of(class);
    debt.settle(class, now);
    return debt.amount <= termsOf(class).most;
}

/// Whether another expression may be evaluated for a request whose expressions were begun at this time.
pub fn mayGoOn(class: Class, began: u64) bool {
    return class == .small or clock.nanoseconds() - began <= longest;
}

/// Expressions of the tenant have taken so long for a request. Without memory for it, nobody owes anything.
pub fn took(tenant: []const u8, class: Class, nanoseconds: u64, now: u64) void {
    const amount = nanoseconds -| termsOf(class).free;
    if (amount == 0) return;
    const account = accounts.getPtr(tenant) orelse (open(tenant, now) catch return);
    const debt = account.of(class);
    debt.settle(class, now);
    debt.amount += amount;
}

fn open(tenant: []const u8, now: u64) error{OutOfMemory}!*Account {
    if (accounts.count() >= most_accounts) closePaid(now);
    if (accounts.count() >= most_accounts) return error.OutOfMemory;
    const name = try memory.lasting.dupe(u8, tenant);
    errdefer memory.lasting.free(name);
    const entry = try accounts.getOrPutValue(memory.lasting, name, .{});
    return entry.value_ptr;
}

fn closePaid(now: u64) void {
    var kept: TextTable(Account) = .empty;
    var each = accounts.iterator();
    while (each.next()) |entry| {
        entry.value_ptr.small.settle(.small, now);
        entry.value_ptr.large.settle(.large, now);
        const owes = entry.value_ptr.small.amount > 0 or entry.value_ptr.large.amount > 0;
        if (owes) kept.put(memory.lasting, entry.key_ptr.*, entry.value_ptr.*) catch return kept.deinit(memory.lasting);
    }
    each = accounts.iterator();
    while (each.next()) |entry| if (!kept.contains(entry.key_ptr.*)) memory.lasting.free(entry.key_ptr.*);
    accounts.deinit(memory.lasting);
    accounts = kept;
}
