import type { Test } from 'tap'
import type { TransferMethod } from '../../lib/index.ts'
import type { Response } from './client.ts'

const TOKEN_HEADERS = ['front-token', 'anti-csrf', 'st-access-token', 'st-refresh-token'] as const

/** A reply of this status and body, as the default error handlers send it. */
export function answers(t: Test, reply: Response, status: number, body: unknown): void {
  t.equal(reply.statusCode, status)
  t.same(reply.json(), body)
}

/** The client keeps its tokens: the reply sets and clears none. */
export function keepsTokens(t: Test, reply: Response): void {
  t.same(reply.cookies, [], 'no cookie is set or cleared')
  for (const name of TOKEN_HEADERS) t.equal(reply.headers[name], undefined, `no ${name}`)
  t.equal(reply.headers['access-control-expose-headers'], undefined)
}

/** The client loses its tokens, cookies and headers alike. */
export function clearsAllTokens(t: Test, reply: Response): void {
  clearsCookies(t, reply)
  t.equal(reply.headers['st-access-token'], '')
  t.equal(reply.headers['st-refresh-token'], '')
  t.equal(reply.headers['front-token'], 'remove')
  t.equal(reply.headers['anti-csrf'], undefined)
  t.match(reply.headers['access-control-expose-headers'], /\bfront-token\b/)
}

/** Only the tokens of one transfer method are cleared. */
export function clearsTokens(t: Test, reply: Response, method: TransferMethod): void {
  if (method === 'cookie') {
    clearsCookies(t, reply)
    t.equal(reply.headers['st-access-token'], undefined)
    t.equal(reply.headers['st-refresh-token'], undefined)
  } else {
    t.same(reply.cookies, [])
    t.equal(reply.headers['st-access-token'], '')
    t.equal(reply.headers['st-refresh-token'], '')
  }
}

function clearsCookies(t: Test, { cookies }: Response): void {
  t.same(
    cookies.map(({ name, value, expires }) => [name, value, expires?.getTime()]),
    [
      ['sAccessToken', '', 0],
      ['sRefreshToken', '', 0]
    ]
  )
}
