/** Any way in which a host hands bytes over; views may start anywhere in a larger buffer. */
export type Bytes = ArrayBuffer | ArrayBufferView | null | undefined;

export function asUint8(bytes: Bytes): Uint8Array<ArrayBuffer> {
  if (!bytes) return new Uint8Array(0);
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

export function asFloat32(bytes: Bytes): Float32Array<ArrayBuffer> {
  // A view on float32 must start at a multiple of 4, which the host does not promise: copy.
  return new Float32Array(asUint8(bytes).slice().buffer);
}

export function asFloat64(bytes: Bytes): Float64Array<ArrayBuffer> {
  return new Float64Array(asUint8(bytes).slice().buffer);
}

export function asInt32(bytes: Bytes): Int32Array<ArrayBuffer> {
  return new Int32Array(asUint8(bytes).slice().buffer);
}

/** Widen little-endian float16 to float32, exactly. */
export function halfToFloat32(bytes: Bytes): Float32Array<ArrayBuffer> {
  const view = asUint8(bytes);
  const data = new DataView(view.buffer, view.byteOffset, view.byteLength);
  const floats = new Float32Array(view.byteLength >> 1);
  for (let i = 0; i < floats.length; i++) floats[i] = half(data.getUint16(2 * i, true));
  return floats;
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}
