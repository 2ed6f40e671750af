//! What of an answer over a limit is made of the request. It is evaluated only for requests that are refused, and on the account of the
//! scope whose limit is reached.

const std = @import("std");
const admission = @import("expression_admission.zig");
const answer_text = @import("answer_text.zig");
const document = @import("configuration_document.zig");
const failure_log = @import("failure_log.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const json = @import("json_reader.zig");
const limited_answer = @import("limited_answer.zig");
const memory = @import("memory.zig");
const request_headers = @import("request_headers.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const LimitedAnswer = limited_answer.LimitedAnswer;
const Piece = answer_text.Piece;
const Allocator = std.mem.Allocator;

pub const MadeAnswer = struct {
    attributes: *Attributes,
    message: []const Piece,
    headers: []const Header,
    body: []const Piece,
    is_json: bool,

    const Header = struct { name: []const u8, pieces: []const Piece };

    /// The answer with what is made. A header that cannot be made is left out; in place of a body that cannot be there is the message,
    /// without the content type that was meant for it; and in place of a message that of an answer without one.
    pub fn complete(made: *const MadeAnswer, answer: *const LimitedAnswer, scope: []const u8) LimitedAnswer {
        request_headers.forget();
        defer request_headers.forget();
        _ = request_headers.all() catch null;
        made.attributes.beginRequest();
        admission.begin(scope);
        defer admission.end();
        var completed = answer.*;
        if (made.message.len > 0) completed.message = made.text(made.message, .line, scope) orelse limited_answer.too_many;
        var headers: std.ArrayList(host.Header) = .empty;
        headers.appendSlice(memory.scratch, answer.headers) catch return completed;
        for (made.headers) |header| {
            const value = made.text(header.pieces, .line, scope) orelse continue;
            headers.append(memory.scratch, .{ .name = header.name, .value = value }) catch continue;
        }
        if (made.body.len > 0) {
            completed.body = made.text(made.body, if (made.is_json) .json else .text, scope);
            if (completed.body == null) removeContentType(&headers);
        }
        completed.headers = headers.items;
        return completed;
    }

    fn text(made: *const MadeAnswer, pieces: []const Piece, form: answer_text.Form, scope: []const u8) ?[]const u8 {
        return answer_text.made(pieces, form, made.attributes) catch |reason| {
            failures.present = .{ .scope = scope };
            failure_log.tell(.of(reason), .in_answer);
            failures.present = .{};
            return null;
        };
    }
};

fn removeContentType(headers: *std.ArrayList(host.Header)) void {
    for (headers.items, 0..) |header, index| if (std.ascii.eqlIgnoreCase(header.name, "content-type")) {
        _ = headers.orderedRemove(index);
        return;
    };
}

/// `compiler` makes attributes and programs ready.
pub fn compile(compiler: anytype, source: document.Made, path: *const json.Path) json.Error!*const MadeAnswer {
    const message_path = path.field("message");
    const body_path = path.field("body");
    const headers_path = path.field("headers");
    const headers = try compiler.allocator.alloc(MadeAnswer.Header, source.headers.items.len);
    for (source.headers.items, headers) |item, *header| {
        const place: json.Path = .{ .parent = &headers_path, .part = .{ .name = item.name } };
        if (!host.isHeader(.{ .name = item.name, .value = "" })) return json.refuse(&place, "is no name that HTTP takes", .{});
        header.* = .{ .name = try compiler.allocator.dupe(u8, item.name), .pieces = try compilePieces(compiler, item.value, &place) };
    }
    const made = try compiler.allocator.create(MadeAnswer);
    made.* = .{
        .attributes = &compiler.configuration.content.attributes,
        .message = try compilePieces(compiler, source.message, &message_path),
        .headers = headers,
        .body = try compilePieces(compiler, source.body, &body_path),
        .is_json = source.json,
    };
    return made;
}

fn compilePieces(compiler: anytype, source: []const document.Piece, path: *const json.Path) json.Error![]const Piece {
    const pieces = try compiler.allocator.alloc(Piece, source.len);
    for (source, pieces, 0..) |one, *piece, index| {
        const place = path.item(index);
        const given = @as(u8, @intFromBool(one.value != null)) + @intFromBool(one.selector != null) + @intFromBool(one.program != null);
        if (given != 1) return json.refuse(&place, "needs exactly one of value, selector and program", .{});
        piece.* = if (one.value) |value|
            .{ .written = try compiler.allocator.dupe(u8, value) }
        else if (one.selector) |selector|
            .{ .attribute = try compiler.compileSelector(selector, &place) }
        else
            .{ .own = try compiler.readProgram(one.program.?, &place.field("program")) };
    }
    return pieces;
}
