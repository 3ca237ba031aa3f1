/** Any way in which a host hands bytes over; views may start anywhere in a larger buffer. */
export type Bytes = ArrayBuffer | ArrayBufferView | null | undefined;

export function asUint8(bytes: Bytes): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(bytes) ? bytes : new Uint8Array(bytes ?? []);
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** A copy of the bytes: a view on numbers must start at a multiple of their size, which the host does not promise. */
export const copied = (bytes: Bytes): ArrayBuffer => asUint8(bytes).slice().buffer;

/** Widen little-endian float16 to float32, exactly. */
export function halfToFloat32(bytes: Bytes): Float32Array<ArrayBuffer> {
  return new Float32Array(new Uint16Array(copied(bytes))).map((bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent > 30) return fraction ? NaN : sign / 0;
    return sign * ((exponent && 1024) + fraction) * 2 ** ((exponent || 1) - 25);
  });
}
