//! Where a limit has the identity of a request from, as a configuration says it.

const std = @import("std");
const attribute = @import("attribute.zig");
const document = @import("configuration_document.zig");
const host = @import("proxy_wasm_host.zig");
const json = @import("json_reader.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const Source = @import("identity.zig").Source;
const Allocator = std.mem.Allocator;
const refuse = json.refuse;

/// The number of the identity that `source` names. Limits that name the same one have the same.
pub fn compile(allocator: Allocator, attributes: *Attributes, source: document.Identity, path: *const json.Path) json.Error!u32 {
    const given = @as(u8, @intFromBool(source.jwt != null)) + @intFromBool(source.header != null) + @intFromBool(source.certificate != null);
    if (given != 1) return refuse(path, "needs exactly one of jwt, header and certificate", .{});
    if (source.jwt) |text| return add(allocator, attributes, "jwt", text, try ofToken(allocator, attributes, text, path));
    if (source.header) |text| return add(allocator, attributes, "header", text, try ofHeader(allocator, attributes, text, path));
    return add(allocator, attributes, "certificate", "", .{ .certificate = .{
        .mtls = try attributes.raw(allocator, "connection\x00mtls"),
        .uri_san = try attributes.raw(allocator, "connection\x00uri_san_peer_certificate"),
        .dns_san = try attributes.raw(allocator, "connection\x00dns_san_peer_certificate"),
        .subject = try attributes.raw(allocator, "connection\x00subject_peer_certificate"),
    } });
}

fn add(allocator: Allocator, attributes: *Attributes, kind: []const u8, name: []const u8, source: Source) error{OutOfMemory}!u32 {
    // No path of a selector begins like this.
    return attributes.identify(allocator, try std.mem.concat(allocator, u8, &.{ "\x00\x00", kind, "\x00", name }), source);
}

fn ofToken(allocator: Allocator, attributes: *Attributes, key: []const u8, path: *const json.Path) json.Error!Source {
    const place = path.field("jwt");
    if (key.len == 0) return refuse(&place, "must not be empty", .{});
    return .{ .jwt = .{ .metadata = try attributes.raw(allocator, "metadata"), .key = try allocator.dupe(u8, key) } };
}

fn ofHeader(allocator: Allocator, attributes: *Attributes, name: []const u8, path: *const json.Path) json.Error!Source {
    const place = path.field("header");
    const header_path = try std.mem.concat(allocator, u8, &.{ attribute.header_prefix, name });
    if (!attribute.isHeader(header_path)) return refuse(&place, "{f} is no header name", .{host.quoted(name)});
    for (name) |byte| if (std.ascii.isUpper(byte)) return refuse(&place, "{f} must be in lower case", .{host.quoted(name)});
    return .{ .header = try attributes.number(allocator, header_path) };
}
