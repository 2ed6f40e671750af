//! What a request that is over a limit is answered: its code, its body and its headers, of which those of the policy win.

const std = @import("std");
const client_headers = @import("client_headers.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const endOfText = @import("header_list.zig").endOfText;
const MadeAnswer = @import("made_answer.zig").MadeAnswer;
const Told = client_headers.Told;

/// Of gRPC: what a limited request gets. Envoy would make 14 (UNAVAILABLE) of a 429, which clients ask again for at once.
const resource_exhausted = 8;

pub const too_many = "Too Many Requests";

/// The answer to a request that is over a limit.
pub const LimitedAnswer = struct {
    code: u32 = 429,
    message: []const u8 = too_many,
    headers: []const host.Header = &.{},
    body: ?[]const u8 = null,
    is_problem: bool = false,
    made: ?*const MadeAnswer = null,

    /// The stream is the effective context, and not read afterwards.
    /// `scope` is that of the limit.
    pub fn send(answer: *const LimitedAnswer, told: *const Told, details: []const u8, scope: []const u8) void {
        if (answer.made) |made| return made.complete(answer, scope).sendWhole(told, details);
        answer.sendWhole(told, details);
    }

    fn sendWhole(answer: LimitedAnswer, told: *const Told, details: []const u8) void {
        const is_grpc = !client_headers.as_they_come and isGrpc();
        const headers = answer.serialized(told, is_grpc) catch "";
        const text = answer.bodyFor(told, is_grpc) catch too_many;
        host.sendLocalResponse(answer.code, details, text, headers, if (client_headers.as_they_come) null else resource_exhausted);
    }

    /// To a client of gRPC it is the message.
    fn bodyFor(answer: *const LimitedAnswer, told: *const Told, is_grpc: bool) error{OutOfMemory}![]const u8 {
        if (is_grpc) return answer.message;
        if (answer.is_problem) return problem(told, answer.code);
        return answer.body orelse std.mem.concat(memory.scratch, u8, &.{ answer.message, "\n" });
    }

    /// RFC 9457, with the type of the draft of the fields. A name is written in JSON as it is in a field.
    fn problem(told: *const Told, code: u32) error{OutOfMemory}![]const u8 {
        var text: std.ArrayList(u8) = .empty;
        try text.print(memory.scratch, "{{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\"," ++
            "\"title\":\"Request cannot be satisfied as assigned quota has been exceeded\",\"status\":{d},\"violated-policies\":[", .{code});
        var rest = told.reached;
        var comma: []const u8 = "";
        while (rest.len > 0) {
            const end = endOfText(rest);
            const next = std.mem.findScalar(u8, rest[end..], '"') orelse rest.len - end;
            const is_reached = std.mem.startsWith(u8, rest[end..], ";r=0;") or std.mem.eql(u8, std.mem.trim(u8, rest[end..][0..next], ", "), ";r=0");
            if (is_reached) {
                try text.print(memory.scratch, "{s}{s}", .{ comma, rest[0..end] });
                comma = ",";
            }
            rest = rest[end + next ..];
        }
        try text.appendSlice(memory.scratch, "]}");
        return text.items;
    }

    fn serialized(answer: *const LimitedAnswer, told: *const Told, is_grpc: bool) error{OutOfMemory}![]const u8 {
        var pairs: std.ArrayList(host.Header) = .empty;
        for (told.others.items) |header| if (!answer.has(header.name)) try pairs.append(memory.scratch, header);
        for (answer.headers) |header| {
            // An answer to gRPC has a type of its own.
            if (!is_grpc or !std.ascii.eqlIgnoreCase(header.name, "content-type")) try pairs.append(memory.scratch, header);
        }
        if (answer.is_problem and !is_grpc) try pairs.append(memory.scratch, .{ .name = "content-type", .value = "application/problem+json" });
        for (told.triple.headers() ++ told.fields.headers()) |header| if (header.value.len > 0) try pairs.append(memory.scratch, header);
        if (told.retry_after.text()) |text| {
            try pairs.append(memory.scratch, .{ .name = "retry-after", .value = text });
            // Who has a retry policy waits as long, whatever his own pace is.
            if (is_grpc and told.retry_after.date.len == 0) try pairs.append(memory.scratch, .{
                .name = "grpc-retry-pushback-ms",
                .value = try std.mem.concat(memory.scratch, u8, &.{ text, "000" }),
            });
        }
        return host.serializePairs(memory.scratch, pairs.items);
    }

    fn has(answer: *const LimitedAnswer, name: []const u8) bool {
        for (answer.headers) |header| if (std.ascii.eqlIgnoreCase(header.name, name)) return true;
        return false;
    }
};

fn isGrpc() bool {
    const kind = (host.firstRequestHeader("content-type") catch null) orelse return false;
    // As Envoy has it: not gRPC-Web, for instance.
    const name = "application/grpc";
    return std.mem.startsWith(u8, kind, name) and (kind.len == name.len or kind[name.len] == '+');
}
