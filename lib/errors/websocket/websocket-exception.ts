import { resumeStacks, suspendStacks } from '../http-exception.ts'

/** A close frame holds 125 bytes, two of which are the code. */
const MAX_REASON_BYTES = 123

/** Ends a WebSocket with a code and a reason; before the upgrade it is an HTTP 403. */
export class WebSocketException extends Error {
  readonly code: number
  readonly reason: string

  /**
   * @param code - 1000 to 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455 7.4).
   * @param reason - Cut at a character's boundary to the 123 bytes a close frame can hold.
   * @throws RangeError for a code that may not be sent.
   */
  constructor(code = 1008, reason = '') {
    if (!isSendable(code)) throw new RangeError('This code cannot be sent in a close frame')
    const limit = suspendStacks()
    super(reason)
    resumeStacks(limit)
    this.name = new.target.name
    this.code = code
    this.reason = cutReason(reason)
  }
}

/** Whether a close frame may have this code. */
export function isSendable(code: number): boolean {
  if (!Number.isInteger(code)) return false
  return (
    (code >= 1000 && code <= 1003) ||
    (code >= 1007 && code <= 1014) ||
    (code >= 3000 && code <= 4999)
  )
}

/** Cuts a close reason to what a frame can hold, never inside a character. */
export function cutReason(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason
  const bytes = new Uint8Array(MAX_REASON_BYTES)
  const { read } = new TextEncoder().encodeInto(reason, bytes)
  return reason.slice(0, read)
}
