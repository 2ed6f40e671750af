//! The attributes that a configuration speaks of, each read at most once per request.

const std = @import("std");
const identity = @import("identity.zig");
const Attribute = @import("attribute.zig").Attribute;
const Form = @import("known_attribute.zig").Form;
const TextTable = @import("text_table.zig").TextTable;
const Value = @import("cel/value.zig").Value;
const Allocator = std.mem.Allocator;

pub const Attributes = struct {
    by_path: TextTable(u32) = .empty,
    slots: std.ArrayList(Slot) = .empty,
    /// Slots of an earlier request hold nothing.
    request: u64 = 0,

    pub const Slot = struct {
        attribute: Attribute,
        request: u64 = 0,
        text: ?[]const u8 = null,
        /// What programs see in place of the text.
        form: Form = .text,
        made: ?Value = null,
        made_request: u64 = 0,
        /// For so many steps and bytes, and the evaluation that was charged with them last.
        made_for: [2]usize = .{ 0, 0 },
        charged: u64 = 0,
        /// Of the attribute `auth.identity`, which has no text.
        identity: ?identity.Source = null,
        /// A part of it, in the place of `attribute`.
        claim: ?identity.Claim = null,
    };

    /// The number of the attribute at `path`.
    pub fn number(attributes: *Attributes, allocator: Allocator, path: []const u8) error{OutOfMemory}!u32 {
        const entry = try attributes.by_path.getOrPut(allocator, path);
        if (!entry.found_existing) {
            entry.value_ptr.* = @intCast(attributes.slots.items.len);
            try attributes.slots.append(allocator, .{ .attribute = .at(path) });
        }
        return entry.value_ptr.*;
    }

    /// The number of what the host itself has at `path`.
    pub fn raw(attributes: *Attributes, allocator: Allocator, path: []const u8) error{OutOfMemory}!u32 {
        // No path of a selector begins like this.
        const entry = try attributes.by_path.getOrPut(allocator, try std.mem.concat(allocator, u8, &.{ "\x00", path }));
        if (!entry.found_existing) {
            entry.value_ptr.* = @intCast(attributes.slots.items.len);
            try attributes.slots.append(allocator, .{ .attribute = .asHostHas(path) });
        }
        return entry.value_ptr.*;
    }

    /// The number of the identity that comes from `source`, whose name is `key`.
    pub fn identify(attributes: *Attributes, allocator: Allocator, key: []const u8, source: identity.Source) error{OutOfMemory}!u32 {
        const entry = try attributes.by_path.getOrPut(allocator, key);
        if (!entry.found_existing) {
            entry.value_ptr.* = @intCast(attributes.slots.items.len);
            try attributes.slots.append(allocator, .{ .attribute = .nothing, .form = .identity, .identity = source });
        }
        return entry.value_ptr.*;
    }

    /// The number of a part of an identity.
    pub fn claim(attributes: *Attributes, allocator: Allocator, one: identity.Claim) error{OutOfMemory}!u32 {
        const key = try std.fmt.allocPrint(allocator, "\x00\x00{d}\x00{s}", .{ one.identity, one.names });
        const entry = try attributes.by_path.getOrPut(allocator, key);
        if (!entry.found_existing) {
            entry.value_ptr.* = @intCast(attributes.slots.items.len);
            try attributes.slots.append(allocator, .{ .attribute = .nothing, .claim = one });
        }
        return entry.value_ptr.*;
    }

    pub fn beginRequest(attributes: *Attributes) void {
        attributes.request += 1;
    }

    /// The attribute's text, or `null` when the request has none.
    pub fn get(attributes: *Attributes, attribute: u32) error{OutOfMemory}!?[]const u8 {
        const slot = &attributes.slots.items[attribute];
        if (slot.request != attributes.request) {
            slot.text = if (slot.claim) |one| try identity.textOf(attributes, one) else try slot.attribute.read();
            slot.request = attributes.request;
        }
        return slot.text;
    }
};
