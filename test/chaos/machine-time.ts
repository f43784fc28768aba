/** The header in which a process says when it last began to read what is revoked. */
export const READ_AT = 'x-revocations-read-at'

/** Milliseconds on a clock that all processes of this machine share, whatever `Date.now` says. */
export function machineTime(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}
