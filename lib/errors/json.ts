/** What was left out of a value that JSON cannot hold, for the log. */
export type OnUnserializable = () => void

/**
 * JSON of any value, without ever throwing: an error's detail must not change the error's status.
 *
 * What JSON has no form for becomes the nearest thing it has: BigInt a string, Map an object, Set an
 * array, an Error its message, bytes base64, a cycle `"[Circular]"`, and what throws while it is
 * read `"[Unserializable]"`.
 */
export function stringifyJson(value: unknown, onUnserializable: OnUnserializable = ignore): string {
  return JSON.stringify(jsonable(value, [], onUnserializable)) ?? 'null'
}

/** JSON of a value that is most likely plain: at full speed, and with all care if that fails. */
export function stringifyPlain(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return stringifyJson(value)
  }
}

function ignore(): void {}

function jsonable(
  value: unknown,
  ancestors: object[],
  onUnserializable: OnUnserializable
): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return null
  if (typeof value !== 'object' || value === null) return value
  if (ancestors.includes(value)) return '[Circular]'
  try {
    return jsonableObject(value, [...ancestors, value], onUnserializable)
  } catch {
    onUnserializable()
    return '[Unserializable]'
  }
}

function jsonableObject(
  value: object,
  ancestors: object[],
  onUnserializable: OnUnserializable
): unknown {
  const convert = (item: unknown) => jsonable(item, ancestors, onUnserializable)
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return convert(value.toJSON())
  if (value instanceof Error) return value.message
  if (Array.isArray(value)) return value.map(convert)
  if (value instanceof Set) return [...value].map(convert)
  const entries = value instanceof Map ? value.entries() : Object.entries(value)
  const copy = Object.create(null)
  for (const [key, item] of entries) copy[String(key)] = convert(item)
  return copy
}
