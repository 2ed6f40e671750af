//! What tenants' expressions take of this worker, beyond what any request may take: nobody else is to wait for it long.
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

/// What expressions took of the worker for one request, in nanoseconds.
pub const Taken = struct {
    /// By the steps of our own evaluator, which are the same on any machine, however busy it is.
    stepped: u64 = 0,
    /// By the clock, where the host evaluated. That goes on while the worker is held up by others, so more of it is free.
    timed: u64 = 0,
};

/// What is put down for a request beyond what any request may take, and on which account. What takes a worker long is paid back slowly:
/// all others wait for as long.
const Charge = struct {
    small: u64 = 0,
    large: u64 = 0,
    long: u64 = 0,

    fn of(class: Class, taken: Taken) Charge {
        return switch (class) {
            .small => .{ .small = (taken.stepped -| 100_000) + (taken.timed -| 2_000_000) },
            .large => .{
                .large = @min(taken.stepped, millisecond) -| 200_000,
                .long = taken.stepped + taken.timed -| millisecond,
            },
        };
    }

    fn isNothing(charge: Charge) bool {
        return charge.small + charge.large + charge.long == 0;
    }
};

const millisecond = 1_000_000;

/// How much somebody may owe; one part in so many of the time that passes pays debts. That is the part of a worker that a tenant's
/// expressions have at most in the long run.
const Terms = struct { most: u64, one_in: u64 };

const terms_of_small: Terms = .{ .most = 500 * millisecond, .one_in = 4 };
const terms_of_large: Terms = .{ .most = 100 * millisecond, .one_in = 10 };
const terms_of_long: Terms = .{ .most = 50 * millisecond, .one_in = 500 };

/// What a large request may take before no further expression is evaluated for it: everybody else waits as long, on a machine that is busy
/// otherwise several times as long.
const longest: Taken = .{ .stepped = 2 * millisecond, .timed = 50 * millisecond };

const Debt = struct {
    amount: u64 = 0,
    /// Until when it is paid back.
    at: u64 = 0,

    fn settle(debt: *Debt, terms: Terms, now: u64) void {
        debt.amount -|= (now -| debt.at) / terms.one_in;
        debt.at = now;
    }
};

const Account = struct {
    small: Debt = .{},
    large: Debt = .{},
    long: Debt = .{},

    fn settle(account: *Account, now: u64) void {
        account.small.settle(terms_of_small, now);
        account.large.settle(terms_of_large, now);
        account.long.settle(terms_of_long, now);
    }

    fn isPaid(account: *const Account) bool {
        return account.small.amount + account.large.amount + account.long.amount == 0;
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
    account.settle(now);
    return switch (class) {
        .small => account.small.amount <= terms_of_small.most,
        .large => account.large.amount <= terms_of_large.most and account.long.amount <= terms_of_long.most,
    };
}

/// Whether another expression may be evaluated for a request whose expressions have taken so much.
pub fn mayGoOn(class: Class, taken: Taken) bool {
    return class == .small or taken.stepped <= longest.stepped and taken.timed <= longest.timed;
}

/// Expressions of the tenant have taken so much for a request. Without memory for it, nobody owes anything.
pub fn took(tenant: []const u8, class: Class, taken: Taken) void {
    const charge: Charge = .of(class, taken);
    if (charge.isNothing()) return;
    const now = clock.nanoseconds();
    const account = accounts.getPtr(tenant) orelse (open(tenant, now) catch return);
    account.settle(now);
    account.small.amount += charge.small;
    account.large.amount += charge.large;
    account.long.amount += charge.long;
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
        entry.value_ptr.settle(now);
        if (!entry.value_ptr.isPaid()) kept.put(memory.lasting, entry.key_ptr.*, entry.value_ptr.*) catch return kept.deinit(memory.lasting);
    }
    each = accounts.iterator();
    while (each.next()) |entry| if (!kept.contains(entry.key_ptr.*)) memory.lasting.free(entry.key_ptr.*);
    accounts.deinit(memory.lasting);
    accounts = kept;
}
