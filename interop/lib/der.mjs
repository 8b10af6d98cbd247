// The little of DER that a block header's hash and a certificate need.

const length = (n) => (n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff]);
export const tagged = (tag, content) => Buffer.from([tag, ...length(content.length), ...content]);

export const sequence = (...parts) => tagged(0x30, Buffer.concat(parts));
export const octets = (bytes) => tagged(0x04, bytes);

/** A number that is not negative. */
export function integer(number) {
    const bytes = [];
    for (let rest = BigInt(number); rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 0xffn));
    if (bytes.length === 0 || bytes[0] >= 0x80) bytes.unshift(0);
    return tagged(0x02, bytes);
}
