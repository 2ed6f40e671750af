//! What all workers of an Envoy have in common: bytes under keys, with a version for each write.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");

const imports = struct {
    extern "env" fn proxy_get_shared_data(key: [*]const u8, key_length: usize, result: *?[*]u8, result_length: *usize, cas: *u32) host.Status;
    extern "env" fn proxy_set_shared_data(key: [*]const u8, key_length: usize, value: [*]const u8, value_length: usize, cas: u32) host.Status;
};

/// What the workers of an Envoy have under a key, and which of its versions that is.
pub const Value = struct { bytes: []const u8 = "", version: u32 = absent };

/// The version of what is not there. A host gives one for each write, counted from 1, and takes any for a key that it does not have:
/// of several who find nothing the first one makes it, and the others see that it is there.
const absent = std.math.maxInt(u32);

pub fn read(key: []const u8) error{OutOfMemory}!Value {
    var slot: host.Slot = .{};
    var version: u32 = 0;
    const status = imports.proxy_get_shared_data(key.ptr, key.len, &slot.bytes, &slot.length, &version);
    if (status == .not_found) return .{};
    return .{ .bytes = try slot.of(status) orelse return error.OutOfMemory, .version = version };
}

/// False when it is another version by now. What is there once stays for as long as the host lives: keys are never made of what a client
/// sends.
pub fn write(key: []const u8, bytes: []const u8, version: u32) bool {
    return imports.proxy_set_shared_data(key.ptr, key.len, bytes.ptr, bytes.len, version) == .ok;
}
