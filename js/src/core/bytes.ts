// Bytes from a host: views of any kind as `Uint8Array`, copies for typed arrays, and float16 to float32.

/** Bytes as hosts pass them; a view may start anywhere in a larger buffer. */
export type Bytes = ArrayBuffer | ArrayBufferView | null | undefined;

export function asUint8(bytes: Bytes): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(bytes) ? bytes : new Uint8Array(bytes ?? []);
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** A copy of the bytes: a typed array must start at a multiple of its item size, which hosts do not guarantee. */
export const copyBytes = (bytes: Bytes): ArrayBuffer => asUint8(bytes).slice().buffer;

/** Convert little-endian float16 to float32, exactly: shift the bits, then correct the exponent's bias by 2 ** 112. */
export function halfToFloat32(bytes: Bytes): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(new Uint16Array(copyBytes(bytes))).map(
    (half) => ((half & 0x8000) << 16) | ((half & 0x7fff) << 13) | ((half & 0x7c00) > 0x7bff ? 0x7f800000 : 0),
  );
  return new Float32Array(words.buffer).map((value) => value * 2 ** 112);
}
