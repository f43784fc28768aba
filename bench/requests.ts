import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MintedSession } from './mint.ts'

/** Requests that are sent one after the other, and then from the first one again. */
export interface Requests {
  /** The file that the load is read from: HTTP as it goes over the wire. */
  readonly file: string
  readonly count: number
  /** The first one's headers, for a look at the answer. */
  readonly sample: Headers
}

export type Headers = Readonly<Record<string, string>>

const COMMON: Headers = {
  host: 'localhost',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  accept: 'application/json',
  'accept-encoding': 'gzip, deflate'
}

/** Writes requests to a file, one for each set of headers. */
export function writeRequests(folder: string, name: string, headers: readonly Headers[]): Requests {
  const file = join(folder, name)
  writeFileSync(file, headers.map(format).join(''))
  return { file, count: headers.length, sample: { ...COMMON, ...headers[0] } }
}

export function headerRequest({ accessToken }: MintedSession): Headers {
  return { authorization: `Bearer ${accessToken}` }
}

export function cookieRequest({ accessToken, frontToken }: MintedSession): Headers {
  return { cookie: amongForeignCookies(`sAccessToken=${accessToken}; sFrontToken=${frontToken}`) }
}

/** A browser sends whatever the page and its scripts have set. */
export function amongForeignCookies(cookies: string): string {
  return `_ga=GA1.1.1187230164.1767225600; theme=dark; ${cookies}; consent=analytics%3D1%26ads%3D0`
}

function format(headers: Headers): string {
  const lines = Object.entries({ ...COMMON, ...headers }).map(
    ([name, value]) => `${name}: ${value}`
  )
  return `GET /me HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}
