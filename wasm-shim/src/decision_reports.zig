//! Reports what was decided to a rate limit service that says, in its answers, that somebody follows decisions.
//!
//! While nobody does, it costs a comparison for each request. A report changes nothing of what is decided, whatever becomes of it:
//! one call is under way at a time, what comes meanwhile waits in a buffer with a bound, and of more only the number is told.

const std = @import("std");
const clock = @import("clock.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const Object = @import("json_writer.zig").Object;
const Service = @import("rate_limit_service.zig").Service;

const service_name = "kuadrant.decisions.v1.Decisions";
const method_name = "Report";
const timeout_ms = 1000;

/// So long a word of the service holds at most.
const longest_seconds = 30;
/// Nothing has come of a call for so long: its root context has gone, and nobody will tell.
const lost = 10 * std.time.ns_per_s;
const most_waiting_bytes = 32 * 1024;
const most_each_second = 500;
const most_names = 8;
const longest_header_name = 64;
const longest_header_value = 128;
const longest_path = 512;

/// Until when somebody follows; 0 when nobody does.
var until: u64 = 0;
/// What the service said last, and how it is asked: copies, as the configuration that they are of may go.
var word: []const u8 = "";
var target: []const u8 = "";
var metadata: []const u8 = "";

var waiting: std.ArrayList(u8) = .empty;
var left_out: u64 = 0;
var under_way: ?struct { token: u32, since: u64 } = null;
/// How many may be told now, in thousandths.
var allowance: u64 = most_each_second * 1000;
var allowed_at: u64 = 0;

/// Whether a decision is to be reported.
pub fn wanted() bool {
    if (until == 0) return false;
    if (clock.nanoseconds() < until) return true;
    stop();
    return false;
}

fn stop() void {
    until = 0;
    left_out = 0;
    waiting.clearAndFree(memory.lasting);
}

/// What a service says to those who ask it for somebody who follows: for how many seconds, and which headers he wants to see, as
/// `5 x-user,x-tenant`. Anything else is passed over.
pub fn hear(said: []const u8, service: *const Service) void {
    keep(&target, service.target) catch return;
    keep(&metadata, host.serializePairs(memory.scratch, service.metadata) catch return) catch return;
    listen(said);
}

fn listen(said: []const u8) void {
    const space = std.mem.findScalar(u8, said, ' ') orelse said.len;
    const seconds = std.fmt.parseInt(u8, said[0..space], 10) catch return;
    if (seconds == 0) return stop();
    keep(&word, said) catch return;
    until = clock.nanoseconds() + @as(u64, @min(seconds, longest_seconds)) * std.time.ns_per_s;
}

fn keep(kept: *[]const u8, text: []const u8) error{OutOfMemory}!void {
    if (std.mem.eql(u8, kept.*, text)) return;
    const copy = try memory.lasting.dupe(u8, text);
    memory.lasting.free(kept.*);
    kept.* = copy;
}

/// What is told of the request itself: method, host, path without its query, and the headers that are wanted.
pub fn describe(object: *Object) void {
    inline for (.{ .{ "method", ":method" }, .{ "host", ":authority" }, .{ "path", ":path" } }) |one| {
        if (header(one[1])) |value| {
            const end = std.mem.findAny(u8, value, "?#") orelse value.len;
            object.text(one[0], value[0..end], longest_path);
        }
    }
    const before = object.writer.end;
    describeHeaders(object) catch return object.back(before);
    object.keep(before);
}

fn describeHeaders(object: *Object) std.Io.Writer.Error!void {
    try object.member("headers");
    var headers: Object = .begin(object.writer);
    var names = std.mem.splitScalar(u8, word[std.mem.findScalar(u8, word, ' ') orelse word.len ..], ',');
    var count: usize = 0;
    while (names.next()) |text| {
        const name = std.mem.trim(u8, text, " ");
        if (name.len == 0 or name.len > longest_header_name or name[0] == ':' or count == most_names) continue;
        count += 1;
        if (header(name)) |value| headers.text(name, value, longest_header_value);
    }
    headers.end();
}

fn header(name: []const u8) ?[]const u8 {
    var path: [32 + longest_header_name]u8 = undefined;
    const asked = std.fmt.bufPrint(&path, "request\x00headers\x00{s}", .{name}) catch return null;
    return host.property(asked) catch null;
}

/// Reports one decision, now or with the next call.
pub fn add(record: []const u8) void {
    const now = clock.nanoseconds();
    allowance = @min(most_each_second * 1000, allowance + (now -| allowed_at) / std.time.ns_per_us * most_each_second / 1000);
    allowed_at = now;
    append(record) catch {
        left_out += 1;
    };
    if (under_way) |call| if (now -| call.since < lost) return;
    send(now);
}

fn append(record: []const u8) error{ OutOfMemory, TooMuch }!void {
    if (allowance < 1000 or waiting.items.len + record.len + 1 > most_waiting_bytes) return error.TooMuch;
    try waiting.ensureUnusedCapacity(memory.lasting, record.len + 1);
    waiting.appendSliceAssumeCapacity(record);
    waiting.appendAssumeCapacity('\n');
    allowance -= 1000;
}

/// All that waits, a line each.
fn send(now: u64) void {
    under_way = null;
    if (waiting.items.len == 0) return;
    var number: [40]u8 = undefined;
    const last = if (left_out > 0) std.fmt.bufPrint(&number, "{{\"left_out\":{d}}}\n", .{left_out}) catch unreachable else "";
    const message = std.mem.concat(memory.scratch, u8, &.{ waiting.items, last }) catch return;
    waiting.clearRetainingCapacity();
    left_out = 0;
    const token = host.startGrpcCall(.{
        .service = target,
        .name = service_name,
        .method = method_name,
        .metadata = metadata,
        .message = message,
        .timeout_ms = timeout_ms,
    }) orelse return;
    under_way = .{ .token = token, .since = now };
}

/// Whether it is the answer to a report that has come: the same word, or that nobody follows any more.
pub fn receive(token: u32, length: usize) bool {
    if (!isOurs(token)) return false;
    listen((host.grpcMessage(length) catch null) orelse "0");
    send(clock.nanoseconds());
    return true;
}

/// Whether it is a report that has ended without an answer: nobody is there, or no longer.
pub fn close(token: u32) bool {
    if (!isOurs(token)) return false;
    under_way = null;
    stop();
    return true;
}

fn isOurs(token: u32) bool {
    const call = under_way orelse return false;
    return call.token == token;
}
