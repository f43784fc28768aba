import { STATUS_CODES } from 'node:http'

/** The reason phrase of a status, as the running Node knows it; 'Error' for one it does not. */
export function reasonPhrase(status: number): string {
  return STATUS_CODES[status] ?? 'Error'
}
